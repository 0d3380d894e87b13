# Who else is a candidate. Set before: CANDIDATES (a DNS name of all), family (4 or 6), HOST_IP (of this node), and peers (the
# file to write).

# DNS servers disagree for as long as each remembers its answer, mostly 30 s at most. Who is missing is a peer until all of
# them have forgotten it: else it would come and go with every look, and keepalived would begin anew each time.
FORGOTTEN_AFTER_S=35
declare -A missing_since=()

known_peers() { sed -n '/{/,/}/{//!p}' "$peers" 2>/dev/null || true; }

# Writes down who else is a candidate; fails when that is as before. DNS that does not know this candidate yet knows too
# little. One that is alone keeps the peers that it knew: without any, keepalived would be at fault.
find_peers() {
  local found others peer
  found=$(getent "ahostsv$family" "$CANDIDATES" | cut -d ' ' -f 1 | sort -u) || return 1
  grep -qxF "$HOST_IP" <<< "$found" || return 1
  others=$(grep -vxF "$HOST_IP" <<< "$found") || return 1
  for peer in $(known_peers); do
    if grep -qxF "$peer" <<< "$others"; then
      unset "missing_since[$peer]"
    elif ((SECONDS - ${missing_since[$peer]:=$SECONDS} < FORGOTTEN_AFTER_S)); then
      others+=$'\n'$peer
    else
      unset "missing_since[$peer]"
    fi
  done
  others=$(sort -u <<< "$others")
  printf 'unicast_src_ip %s\nunicast_peer {\n%s\n}\n' "$HOST_IP" "$others" > "$peers.new"
  if cmp -s "$peers.new" "$peers"; then return 1; fi
  mv "$peers.new" "$peers"
  echo "peers: ${others//$'\n'/ }"
}
