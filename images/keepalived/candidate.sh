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

# The operator reads these words: see candidates.ts.
give_up() {
  echo "$1: $2" | tee /dev/termination-log
  exit 1
}

# Whoever was killed may have left it behind, and would go on to answer for it.
let_go() { ip address delete "$VIRTUAL_IP/$prefix" dev "$INTERFACE" 2>/dev/null || true; }

# The hardware address of a neighbour, if it answers. Anything that is sent makes the kernel ask for it.
neighbour() {
  ip neighbour delete "$1" dev "$INTERFACE" 2>/dev/null || true
  echo > "/dev/udp/$1/9" || true
  sleep 0.5
  ip -oneline neighbour show "$1" dev "$INTERFACE" | sed -n 's/.* lladdr \([^ ]*\) .*/\1/p'
} 2>/dev/null

# Whether HAProxy runs, and knows a server to send to.
is_usable() {
  local answer status=0
  exec {answer}<> "/dev/tcp/127.0.0.1/$HEALTH_PORT" || return 1
  printf 'GET /readyz HTTP/1.0\r\n\r\n' >&"$answer"
  read -rt 1 _ status _ <&"$answer" || true
  exec {answer}>&-
  [ "$status" = 200 ]
} 2>/dev/null

# The kernel takes the address away by itself when nobody says for so long that it is held: whoever might have taken it away
# may be dead or stand still, and two would answer for it.
hold() {
  ip address change "$VIRTUAL_IP/$prefix" dev "$INTERFACE" valid_lft "$LIFETIME" preferred_lft "$LIFETIME" 2>/dev/null || true
}
LIFETIME=2

# Whether keepalived does anything: one that was stopped does not know what has become of its address.
is_awake() {
  local pid status
  read -r pid < "$state/vrrp.pid" && read -r status < "/proc/$pid/stat" && [[ $status != *") T "* ]]
} 2>/dev/null

# Tells keepalived whether HAProxy is usable, and holds the address while keepalived says that it is the master. keepalived
# itself may run no script: changing its groups, as it does for one, takes another capability.
watch_haproxy() {
  local was=1 now holds=no is
  while true; do
    if is_usable; then now=0; else now=1; fi
    if [ "$now" != "$was" ]; then echo "$now" > "$fault"; was=$now; fi
    if [ $holds = yes ]; then
      if [ $now = 1 ]; then let_go; elif is_awake; then hold; fi
    fi
    # Lines such as: INSTANCE "gateway" MASTER 250
    while read -rt 0.2 _ _ is _ <&"$states"; do
      if [ "$is" = MASTER ]; then holds=yes; else holds=no; let_go; fi
    done || true
  done
}

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
watch_haproxy &
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
