import type { Allowed, Isolation } from "./isolation.ts";

const TABLE = "network-policies";
/** In which header field the far end is, seen from the pod that is isolated. */
const FAR = { ingress: "saddr", egress: "daddr" } as const;
const NEAR = { ingress: "daddr", egress: "saddr" } as const;

/**
 * Pure: the text for `nft --file` that replaces all rules of a node at once. Only what the node forwards is judged: what
 * comes from the node itself, as the kubelet's probes do, always reaches its pods.
 */
export function rulesetOf(isolations: readonly Isolation[]): string {
  const addresses = [...new Set(isolations.map(({ address }) => address))];
  return `
table ip ${TABLE} {}
delete table ip ${TABLE}
table ip ${TABLE} {
${isolations.map(chainOf).join("\n")}
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    ${addresses.length === 0 ? "" : `ip saddr . ip daddr { ${addresses.map((each) => `${each} . ${each}`).join(", ")} } accept`}
    ${(["egress", "ingress"] as const).map((direction) => dispatch(isolations, direction)).join("\n    ")}
  }
}
`;
}

/** Packets that the pod may exchange return from its chain, and go on to be judged by the other end's. */
function chainOf(isolation: Isolation): string {
  const { direction, allowed } = isolation;
  const rules = [...new Set(allowed.flatMap((each) => ruleOf(each, direction)))];
  return `  chain ${nameOf(isolation)} {\n${[...rules, "drop"].map((rule) => `    ${rule}`).join("\n")}\n  }`;
}

function dispatch(isolations: readonly Isolation[], direction: Isolation["direction"]): string {
  const entries = isolations
    .filter((isolation) => isolation.direction === direction)
    .map((isolation) => `${isolation.address} : jump ${nameOf(isolation)}`);
  return entries.length === 0 ? "" : `ip ${NEAR[direction]} vmap { ${entries.join(", ")} }`;
}

function ruleOf({ peers, port }: Allowed, direction: Isolation["direction"]): string[] {
  const conditions: string[] = [];
  if (peers !== null) {
    const { addresses, except = [] } = peers;
    if (addresses.length === 0) return [];
    conditions.push(`ip ${FAR[direction]} ${setOf(addresses)}`);
    if (except.length > 0) conditions.push(`ip ${FAR[direction]} != ${setOf(except)}`);
  }
  if (port !== null) {
    const protocol = port.protocol.toLowerCase();
    conditions.push(port.range === null ? `meta l4proto ${protocol}` : `${protocol} dport ${port.range}`);
  }
  return [[...conditions, "return"].join(" ")];
}

function setOf(addresses: readonly string[]): string {
  return `{ ${[...new Set(addresses)].join(", ")} }`;
}

function nameOf({ direction, address }: Isolation): string {
  return `${direction}-${address}`;
}
