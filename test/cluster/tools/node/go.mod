module aaacluster.io/test/cluster/tools/node

go 1.26.0
