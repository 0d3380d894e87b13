module aaacluster.io/test/gateways/arp

go 1.26.0
