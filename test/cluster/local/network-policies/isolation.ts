import type { NetworkPolicy, Peer, Pod, PolicyPort, World } from "./objects.ts";
import { selects } from "./selectors.ts";

const POLICY_TYPES = { ingress: "Ingress", egress: "Egress" } as const;
type Direction = keyof typeof POLICY_TYPES;

/** What one pod may exchange in one direction: whatever fits one of `allowed`. */
export interface Isolation {
  readonly address: string;
  readonly direction: Direction;
  readonly allowed: readonly Allowed[];
}

/** Traffic with the far end `peers`, which is every address when it is null, on any port when that is null. */
export interface Allowed {
  readonly peers: { readonly addresses: readonly string[]; readonly except?: readonly string[] } | null;
  /** Of the pod that is talked to: `80` or `80-90`, or null for any port of the protocol. */
  readonly port: { readonly protocol: string; readonly range: string | null } | null;
}

interface Rule {
  readonly peers: readonly Peer[];
  readonly ports: readonly PolicyPort[];
}

/** Pure: how the policies restrict the pods of one node. A pod that no policy selects is not in it. */
export function isolationsOf(world: World, node: string): Isolation[] {
  const pods = world.pods.filter(hasOwnAddress);
  return pods
    .filter(({ spec }) => spec.nodeName === node)
    .flatMap((pod) =>
      (["ingress", "egress"] as const).flatMap((direction) => {
        const policies = world.policies.filter((policy) => isolates(policy, pod, direction));
        if (policies.length === 0) return [];
        const allowed = policies.flatMap((policy) =>
          rulesOf(policy, direction).flatMap((rule) => allowedBy(rule, policy, pod, direction, { ...world, pods })),
        );
        return [{ address: addressOf(pod), direction, allowed }];
      }),
    );
}

/** A pod on its node's network has no address of its own, and one that has ended may have lost it to another. */
function hasOwnAddress({ spec, status }: Pod): boolean {
  return (
    status.podIP !== undefined && spec.hostNetwork !== true && !["Succeeded", "Failed"].includes(status.phase ?? "")
  );
}

function isolates({ metadata, spec }: NetworkPolicy, pod: Pod, direction: Direction): boolean {
  return (
    metadata.namespace === pod.metadata.namespace &&
    spec.policyTypes.includes(POLICY_TYPES[direction]) &&
    selects(spec.podSelector ?? {}, pod.metadata.labels)
  );
}

function rulesOf({ spec }: NetworkPolicy, direction: Direction): Rule[] {
  if (direction === "ingress") return (spec.ingress ?? []).map(({ from = [], ports = [] }) => ({ peers: from, ports }));
  return (spec.egress ?? []).map(({ to = [], ports = [] }) => ({ peers: to, ports }));
}

function allowedBy(
  { peers, ports }: Rule,
  policy: NetworkPolicy,
  pod: Pod,
  direction: Direction,
  world: World,
): Allowed[] {
  const ends = peers.length === 0 ? [null] : peers;
  return ends.flatMap((peer) => {
    const far = peer?.ipBlock === undefined ? podsOf(peer, policy, world) : [];
    const end = peer === null ? null : peersOf(peer, far);
    if (ports.length === 0) return [{ peers: end, port: null }];
    return ports.flatMap((port): Allowed[] => {
      if (typeof port.port !== "string") return [{ peers: end, port: numbered(port) }];
      if (direction === "ingress") return named(port, pod).map((each) => ({ peers: end, port: each }));
      // Each pod that is talked to says itself which number the name stands for.
      return far.flatMap((to) =>
        named(port, to).map((each) => ({ peers: { addresses: [addressOf(to)] }, port: each })),
      );
    });
  });
}

/** The pods that a peer stands for; all of them for no peer. */
function podsOf(peer: Peer | null, policy: NetworkPolicy, { pods, namespaces }: World): readonly Pod[] {
  if (peer === null) return pods;
  const { namespaceSelector, podSelector = {} } = peer;
  const names = namespaces
    .filter(({ metadata }) => namespaceSelector !== undefined && selects(namespaceSelector, metadata.labels))
    .map(({ metadata }) => metadata.name);
  const within = namespaceSelector === undefined ? [policy.metadata.namespace] : names;
  return pods.filter(({ metadata }) => within.includes(metadata.namespace) && selects(podSelector, metadata.labels));
}

function peersOf({ ipBlock }: Peer, pods: readonly Pod[]): Allowed["peers"] {
  if (ipBlock === undefined) return { addresses: pods.map(addressOf) };
  return { addresses: [ipBlock.cidr], except: ipBlock.except ?? [] };
}

function numbered({ protocol = "TCP", port, endPort }: PolicyPort): Allowed["port"] {
  if (port === undefined) return { protocol, range: null };
  return { protocol, range: endPort === undefined ? `${port}` : `${port}-${endPort}` };
}

function named({ protocol = "TCP", port }: PolicyPort, { spec }: Pod): Allowed["port"][] {
  const ports = [...spec.containers, ...(spec.initContainers ?? [])].flatMap((container) => container.ports ?? []);
  return ports
    .filter((each) => each.name === port && (each.protocol ?? "TCP") === protocol)
    .map(({ containerPort }) => ({ protocol, range: `${containerPort}` }));
}

function addressOf({ status }: Pod): string {
  return status.podIP as string;
}
