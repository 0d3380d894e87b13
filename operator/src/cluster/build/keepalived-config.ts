import { MOST_GATEWAYS } from "../../api/gateway.ts";
import type { VirtualRouter } from "../validate.ts";

const FIRST_PRIORITY = 250;
/** As wide as it can be: a candidate waits for the one before it by this part of 256 of an advertisement's interval. */
const PRIORITY_STEP = Math.floor((FIRST_PRIORITY - 1) / (MOST_GATEWAYS - 1));
/** DNS tells the others of a new candidate within its time to live, 5 s: then it hears them, before it may hold anything. */
const STARTUP_DELAY_S = 8;

/** Where `candidate.sh` of the image writes the addresses of this candidate and of its peers. */
const PEERS_FILE = "/run/keepalived/peers.conf";
/** Where it writes 0 while this candidate's HAProxy is usable, else 1. With weight 0 that is a fault. */
const FAULT_FILE = "/run/keepalived/fault";
/** Where keepalived tells it what it becomes: the master's address lasts only while `candidate.sh` says so again and again. */
const STATES_FIFO = "/run/keepalived/states";

/**
 * The configuration of every candidate for a virtual IP: keepalived takes of the lines with @ its own, by the name of its
 * pod. The first is preferred, and the order of the others is known. Who has no usable HAProxy is at fault, whatever its
 * priority, and so is who knows no peer.
 */
export function keepalivedConfig(
  name: string,
  { id, ip, networkInterface, advertIntervalMilliseconds, preemptDelaySeconds }: VirtualRouter,
): string {
  const interval = (Math.ceil(advertIntervalMilliseconds / 10) / 100).toFixed(2);
  const priorities = Array.from(
    { length: MOST_GATEWAYS },
    (_, ordinal) => `  @${name}-${ordinal} priority ${FIRST_PRIORITY - PRIORITY_STEP * ordinal}`,
  );
  return `global_defs {
  router_id ${name}
  vrrp_startup_delay ${STARTUP_DELAY_S}
  vrrp_version 3
  vrrp_notify_fifo ${STATES_FIFO}
  vrrp_garp_master_delay 1
  vrrp_garp_master_refresh 10
  vrrp_garp_lower_prio_repeat 1
  vrrp_higher_prio_send_advert true
}

track_file fault {
  file ${FAULT_FILE}
}

vrrp_instance gateway {
  state BACKUP
  interface ${networkInterface}
  virtual_router_id ${id}
${priorities.join("\n")}
  advert_int ${interval}
  preempt_delay ${preemptDelaySeconds}
  unicast_fault_no_peer
  include ${PEERS_FILE}
  virtual_ipaddress {
    ${ip}/${ip.includes(":") ? 128 : 32} dev ${networkInterface}
  }
  track_file {
    fault weight 0
  }
}
`;
}
