import { createHash } from "node:crypto";
import type { AaaCluster } from "../api/aaacluster.ts";
import type { GatewaySpec } from "../api/gateway.ts";
import { keyOf } from "../kube/index.ts";
import { namesOf } from "./names.ts";
import { hostAndPort } from "./pods.ts";

/** VRRP's numbers of virtual routers, of which there are 255 on a network segment. */

const MOST_IDS = 255;

/** A gateway in Keepalived mode. */
export interface Claim {
  readonly cluster: string;
  /** The name of the gateway. */
  readonly gateway: string;
  readonly virtualIP: string;
  /** The number in the spec. */
  readonly wanted: number | undefined;
  /** The number in the status. */
  readonly kept: number | undefined;
  /** Whether the status says that it has the virtual IP. */
  readonly hasIP: boolean;
}

/** The gateways in Keepalived mode, those of older clusters first. */
export function claimsOf(clusters: readonly AaaCluster[]): readonly Claim[] {
  const age = ({ metadata }: AaaCluster): string => `${metadata.creationTimestamp ?? "9"} ${metadata.uid ?? ""}`;
  return clusters.toSorted((a, b) => (age(a) < age(b) ? -1 : 1)).flatMap(claimsOfOne);
}

function claimsOfOne(object: AaaCluster): readonly Claim[] {
  const { spec, status, metadata } = object;
  const names = namesOf(metadata.name);
  // The spec may be of another CRD, and not have what this one requires.
  const gateways: readonly (readonly [string, GatewaySpec | undefined])[] = [
    [names.brokerGateway, spec.broker?.external === undefined ? spec.broker?.gateway : undefined],
    [names.ossGateway, spec.oss?.gateway],
    [names.aaaGateway, spec.nodes?.gateway],
  ];
  return gateways.flatMap(([gateway, one]) => {
    if (one?.mode !== "Keepalived") return [];
    const { virtualIP = "", virtualRouterID: wanted } = one;
    const { virtualRouterID: kept, address } = status?.gateways?.find(({ name }) => name === gateway) ?? {};
    const hasIP = address?.startsWith(hostAndPort(virtualIP, "")) ?? false;
    return [{ cluster: keyOf(object), gateway, virtualIP, wanted, kept, hasIP }];
  });
}

/**
 * The number of each claim, by `namespace/name/gateway`: the one in the spec, else the one it had, else one that follows
 * from its name; never one of another claim unless both are in specs. Any process comes to the same.
 */
export function virtualRouterIDs(claims: readonly Claim[]): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  const taken = new Set<number>();
  const give = (claim: Claim, id: number): void => {
    ids.set(claimKey(claim), id);
    taken.add(id);
  };
  for (const claim of claims) if (claim.wanted !== undefined) give(claim, claim.wanted);
  for (const claim of claims) {
    if (claim.wanted === undefined && claim.kept !== undefined && !taken.has(claim.kept)) give(claim, claim.kept);
  }
  for (const claim of claims) {
    if (!ids.has(claimKey(claim))) give(claim, firstFree(virtualRouterID(claimKey(claim)), taken));
  }
  return ids;
}

/** The number that follows from a name. */
export function virtualRouterID(name: string): number {
  return (createHash("sha256").update(name).digest().readUInt32BE() % MOST_IDS) + 1;
}

export const claimKey = ({ cluster, gateway }: Pick<Claim, "cluster" | "gateway">): string => `${cluster}/${gateway}`;

function firstFree(from: number, taken: ReadonlySet<number>): number {
  const all = Array.from({ length: MOST_IDS }, (_, step) => ((from - 1 + step) % MOST_IDS) + 1);
  return all.find((id) => !taken.has(id)) ?? from;
}

/**
 * What a gateway asks for and another one has, in words: who had it first keeps it, else the one that comes first in `claims`.
 * @param ids their numbers, as `virtualRouterIDs` gives them
 * @param key of the gateway, as `claimKey` says it
 */
export function clashesOf(claims: readonly Claim[], ids: ReadonlyMap<string, number>, key: string): readonly string[] {
  const own = claims.find((claim) => claimKey(claim) === key);
  if (own === undefined) return [];
  const idOf = (claim: Claim): number | undefined => ids.get(claimKey(claim));
  const comesBefore = (other: Claim, has: (claim: Claim) => boolean): boolean =>
    has(other) === has(own) ? claims.indexOf(other) < claims.indexOf(own) : has(other);
  const problem = (what: string, other: Claim): string =>
    `${what} of ${own.gateway} is that of ${other.gateway} of ${other.cluster}`;
  return claims.flatMap((other) => [
    ...(other.virtualIP === own.virtualIP && comesBefore(other, ({ hasIP }) => hasIP)
      ? [problem(`virtualIP ${own.virtualIP}`, other)]
      : []),
    ...(idOf(other) === idOf(own) && comesBefore(other, ({ kept }) => kept === idOf(own))
      ? [problem(`virtualRouterID ${idOf(own)}`, other)]
      : []),
  ]);
}
