# Holds the virtual IP while keepalived says that it is the master. Set before: VIRTUAL_IP and its prefix, INTERFACE, HEALTH_PORT of
# this gateway's HAProxy, state (a folder), fault (the file that tells keepalived), and states (where keepalived says what it
# becomes). keepalived itself may run no script: changing its groups, as it does for one, takes another capability.

# The kernel takes the address away by itself when nobody says for so long that it is held: whoever might have taken it away
# may be dead or stand still, and two would answer for it.
LIFETIME=2

# Renews an address that is there. To change one that keepalived has taken away would make it again.
hold() {
  if [ -z "$(ip -oneline address show dev "$INTERFACE" to "$VIRTUAL_IP")" ]; then return; fi
  ip address change "$VIRTUAL_IP/$prefix" dev "$INTERFACE" valid_lft "$LIFETIME" preferred_lft "$LIFETIME" 2>/dev/null || true
}

let_go() { ip address delete "$VIRTUAL_IP/$prefix" dev "$INTERFACE" 2>/dev/null || true; }

# Whether HAProxy runs, and knows a server to send to.
is_usable() {
  local answer status=0
  exec {answer}<> "/dev/tcp/127.0.0.1/$HEALTH_PORT" || return 1
  printf 'GET /readyz HTTP/1.0\r\n\r\n' >&"$answer"
  read -rt 1 _ status _ <&"$answer" || true
  exec {answer}>&-
  [ "$status" = 200 ]
} 2>/dev/null

# Whether keepalived does anything: one that was stopped does not know what has become of its address.
is_awake() {
  local pid status
  read -r pid < "$state/vrrp.pid" && read -r status < "/proc/$pid/stat" && [[ $status != *") T "* ]]
} 2>/dev/null

is_fault=1
is_master=0
may_be_left=0

# A master also tells that it has heard somebody else, and stays the master: MASTER_RX_LOWER_PRI.
becomes() {
  case $1 in
    MASTER) is_master=1 ;;
    BACKUP | FAULT | STOP) is_master=0 ;;
  esac
}

# Tells keepalived whether HAProxy is usable, and renews the address. An address that keepalived has is keepalived's to take away:
# one that loses it begins a new election.
look_after() {
  local now=0 is
  if ((is_master)) && ! is_awake; then let_go; fi
  is_usable || now=1
  if ((now != is_fault)); then echo "$now" > "$fault"; fi
  is_fault=$now
  if ((is_master && !is_fault)) && is_awake; then
    hold
    may_be_left=1
  fi
  # Lines such as: INSTANCE "gateway" MASTER 250. Only the last one is true now.
  if read -rt 0.2 _ _ is _ <&"$states"; then
    becomes "$is"
    while read -t 0 <&"$states"; do
      read -r _ _ is _ <&"$states"
      becomes "$is"
    done
  elif ((may_be_left && !is_master)); then
    let_go
    may_be_left=0
  fi
}
