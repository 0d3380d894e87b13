import type { Labels } from "../labels.ts";

/** NetworkPolicies as a network plugin reads them, as far as ours need it: labels are matched one by one, by equality. */

/** A pod, or with no labels anything outside of Kubernetes. */
export interface End {
  readonly namespace?: string;
  readonly labels?: Labels;
}

interface Selector {
  readonly matchLabels?: Labels;
}

interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
}

interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly protocol?: string; readonly port: number; readonly endPort?: number }[];
}

export interface Policy {
  readonly namespace: string;
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes: readonly string[];
    readonly ingress?: readonly Rule[];
    readonly egress?: readonly Rule[];
  };
}

export interface Port {
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
}

/** Whether one end may open a connection to the other: neither the policies of the one nor those of the other forbid it. */
export function mayConnect(policies: readonly Policy[], from: End, to: End, port: Port): boolean {
  return isLet(policies, from, "Egress", to, port) && isLet(policies, to, "Ingress", from, port);
}

/** Who is selected by no policy of a direction may do anything in it; else one rule must let it. */
function isLet(policies: readonly Policy[], own: End, direction: "Ingress" | "Egress", peer: End, port: Port): boolean {
  const [side, peers] = direction === "Ingress" ? (["ingress", "from"] as const) : (["egress", "to"] as const);
  const mine = policies.filter(
    ({ namespace, spec }) =>
      spec.policyTypes.includes(direction) && own.namespace === namespace && has(own.labels, spec.podSelector),
  );
  if (mine.length === 0) return true;
  return mine.some(({ namespace, spec }) =>
    (spec[side] ?? []).some(
      (rule) =>
        (rule.ports === undefined ||
          rule.ports.some(
            (one) =>
              one.port <= port.port &&
              port.port <= (one.endPort ?? one.port) &&
              (one.protocol ?? "TCP") === port.protocol,
          )) &&
        (rule[peers] === undefined || rule[peers].some((one) => isPeer(one, namespace, peer))),
    ),
  );
}

function isPeer({ podSelector, namespaceSelector }: Peer, ownNamespace: string, { namespace, labels }: End): boolean {
  if (namespace === undefined) return false;
  const isThere =
    namespaceSelector === undefined
      ? namespace === ownNamespace
      : has({ "kubernetes.io/metadata.name": namespace }, namespaceSelector);
  return isThere && has(labels, podSelector ?? {});
}

function has(labels: Labels | undefined, selector: Selector): boolean {
  const unknown = Object.keys(selector).filter((key) => key !== "matchLabels");
  if (unknown.length > 0) throw new Error(`cannot tell whom ${unknown.join()} selects`);
  return (
    labels !== undefined && Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value)
  );
}
