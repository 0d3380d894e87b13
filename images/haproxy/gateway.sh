#!/bin/bash
# The HAProxy of one gateway. When its configuration or its certificate changes, a new worker takes over: it is given the listening sockets and
# what is known of the servers, so no connection is refused; the old worker keeps its connections until they end.
# What HAProxy does not accept is logged and tried again, and the old configuration goes on meanwhile.
# Environment: what the configuration asks for.
set -euo pipefail

config=/etc/haproxy/haproxy.cfg
certificate=/etc/haproxy-tls/tls.crt
run=/run/haproxy
master="$run/master.sock"
servers="$run/servers"
retry_seconds=30
# So long it takes connections after it was told to end: until everybody knows where else to go, and somebody else has the virtual IP.
farewell_seconds=2
# Kubernetes kills after 30 seconds.
stop_seconds=10

# Reads both into `seen`, without starting a process every second.
look() {
  local chain=""
  IFS= read -rd '' seen < "$config" || true
  if [ -e "$certificate" ]; then IFS= read -rd '' chain < "$certificate" || true; fi
  seen+=$chain
}

tell_master() { socat -t 10 - "UNIX-CONNECT:$master" <<< "$1"; }

reload() {
  local answer
  if ! answer=$(haproxy -c -f "$config" 2>&1); then
    echo "$answer"
    return 1
  fi
  # Without it the new worker would know no server until DNS and checks told it. What begins otherwise is an error.
  answer=$(tell_master "@1 show servers state") || return
  if [[ $answer == 1$'\n'* ]]; then echo "$answer" > "$servers"; fi
  answer=$(tell_master reload) || return
  if [[ $answer != *Success=1* ]]; then
    echo "$answer"
    return 1
  fi
}

# Waits so many seconds, or until HAProxy has ended.
pause() {
  sleep "$1" &
  wait -n "$haproxy" $! || true
}

# Connections may end by themselves after the farewell, and whatever is left at last is cut.
stop() {
  pause "$farewell_seconds"
  if kill -USR1 "$haproxy" 2> /dev/null; then pause "$((stop_seconds - farewell_seconds))"; fi
  kill -TERM "$haproxy" 2> /dev/null || true
}

rm -f "$run"/*
: > "$servers"
look
taken=$seen
refused=""
retry_at=0
is_told=""
haproxy -W -db -S "$master" -f "$config" &
haproxy=$!
trap 'is_told=yes; trap "" USR1' USR1
trap 'kill -TERM "$haproxy" 2> /dev/null || true' TERM INT
while kill -0 "$haproxy" 2> /dev/null; do
  pause 1
  if [ -n "$is_told" ]; then
    stop
    break
  fi
  look
  if [ "$seen" = "$taken" ]; then continue; fi
  if [ "$seen" = "$refused" ] && [ "$SECONDS" -lt "$retry_at" ]; then continue; fi
  if reload; then
    echo "the changed configuration is in effect"
    taken=$seen
    refused=""
  else
    echo "the changed configuration was refused, and the one before it goes on"
    refused=$seen
    retry_at=$((SECONDS + retry_seconds))
  fi
done
code=0
wait "$haproxy" || code=$?
exit "$code"
