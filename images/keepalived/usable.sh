#!/bin/bash
# Whether the HAProxy of this gateway runs, and knows a server to send to. Usage: usable.sh PORT
exec 3<> "/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
read -r _ status _ <&3
[ "$status" = 200 ]
