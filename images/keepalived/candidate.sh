#!/bin/bash
# One candidate for a virtual IP, on the network of its Kubernetes node: looks whether it can hold the address, finds the
# other candidates by DNS, and runs keepalived with them as its peers, as they come and go.
# Environment: VIRTUAL_IP, INTERFACE, HOST_IP (of this node), CANDIDATES (a DNS name of all), POD_NAME, and HEALTH_PORT of
# this gateway's HAProxy.
set -euo pipefail

config=/etc/gateway/keepalived.conf
state=/run/keepalived
peers="$state/peers.conf"
fault="$state/fault"
if [[ $VIRTUAL_IP == *:* ]]; then family=6 prefix=128; else family=4 prefix=32; fi

. "$(dirname "$0")/peers.sh"
. "$(dirname "$0")/holding.sh"

# The operator reads these words: see candidates.ts.
give_up() {
  echo "$1: $2" | tee /dev/termination-log
  exit 1
}

# The hardware address of a neighbour, if it answers. Anything that is sent makes the kernel ask for it.
neighbour() {
  ip neighbour delete "$1" dev "$INTERFACE" 2>/dev/null || true
  echo > "/dev/udp/$1/9" || true
  sleep 0.5
  ip -oneline neighbour show "$1" dev "$INTERFACE" | sed -n 's/.* lladdr \([^ ]*\) .*/\1/p'
} 2>/dev/null

look_for_strangers() {
  local holder known peer
  holder=$(neighbour "$VIRTUAL_IP")
  if [ -z "$holder" ]; then return; fi
  for peer in $(known_peers); do
    known=$(neighbour "$peer")
    # A peer that is silent may be the holder.
    if [ -z "$known" ] || [ "$known" = "$holder" ]; then return; fi
  done
  give_up VirtualIPInUse "$VIRTUAL_IP is in use by $holder, which is no candidate: write a free address"
}

ip link show "$INTERFACE" > /dev/null 2>&1 ||
  give_up InterfaceMissing "no interface $INTERFACE: write one that these Kubernetes nodes have"
# Whoever was killed may have left it behind, and would go on to answer for it.
let_go
route=$(ip -oneline route get "$VIRTUAL_IP" 2>/dev/null || true)
if [[ $route == local* ]]; then
  give_up VirtualIPInUse "$VIRTUAL_IP is an address of the Kubernetes node itself: write a free address"
fi
if [[ $route == *" via "* || $route != *" dev $INTERFACE "* ]]; then
  give_up VirtualIPOutsideSubnet "$VIRTUAL_IP is not in a subnet of $INTERFACE: write an address of its subnet"
fi
if [ ! -s "$peers" ]; then echo "waiting for another candidate in $CANDIDATES"; fi
until find_peers || [ -s "$peers" ]; do sleep 1; done
look_for_strangers

rm -f "$state"/*.pid "$state/states"
echo 1 > "$fault"
mkfifo "$state/states"
exec {states}<> "$state/states"
while true; do look_after; done &
watcher=$!
keepalived --dont-fork --vrrp --log-console --use-file="$config" --config-id="$POD_NAME" \
  --pid="$state/keepalived.pid" --vrrp_pid="$state/vrrp.pid" --bfd_pid="$state/bfd.pid" &
keepalived=$!
trap 'kill -TERM "$keepalived" 2>/dev/null || true' TERM INT
while kill -0 "$keepalived" 2>/dev/null; do
  sleep 1 &
  wait -n "$keepalived" "$watcher" $! || true
  if ! kill -0 "$watcher" 2>/dev/null; then kill -TERM "$keepalived" || true; fi
  if find_peers; then kill -HUP "$keepalived" || true; fi
done
code=0
wait "$keepalived" || code=$?
let_go
echo "keepalived ended with $code"
exit "$code"
