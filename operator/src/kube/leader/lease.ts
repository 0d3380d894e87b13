import { apiVersionOf, type KubeObject, type Resource } from "../objects.ts";

export const LEASE: Resource = { group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases" };

/** The record by which processes agree who leads. Fields that are not named here are kept as they are. */
export interface Lease extends KubeObject {
  readonly spec?: {
    /** Absent or empty: nobody holds the lease. */
    readonly holderIdentity?: string;
    /** How long the others keep away after the record's last change. */
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    /** Grows with each change of holder, so it numbers the terms. */
    readonly leaseTransitions?: number;
  };
}

/** A lease as it was found, undefined when there is none, and since when it is known like this: ms by our own clock. */
export interface Observation {
  readonly lease: Lease | undefined;
  readonly since: number;
}

/** Who takes a lease, and for how long. */
export interface Candidate {
  readonly identity: string;
  readonly leaseDurationMs: number;
}

/** Who holds a lease, if anybody does. */
export function holderOf(lease: Lease | undefined): string | undefined {
  return lease?.spec?.holderIdentity || undefined;
}

/** What is known after a look at `now`: the wait starts anew when the record changed in any way. */
export function observed(before: Observation | undefined, lease: Lease | undefined, now: number): Observation {
  const isSame = before?.lease?.metadata.resourceVersion === lease?.metadata.resourceVersion;
  return before !== undefined && isSame ? before : { lease, since: now };
}

/**
 * Whether a candidate may try to take a lease: nobody holds it, the candidate itself does, or it has not changed for
 * as long as its holder asked for. No clock but ours is looked at; the times in the record are for people.
 */
export function isFree({ lease, since }: Observation, candidate: Candidate, now: number): boolean {
  const holder = holderOf(lease);
  if (holder === undefined || holder === candidate.identity) return true;
  const seconds = lease?.spec?.leaseDurationSeconds;
  return now - since >= (seconds === undefined ? candidate.leaseDurationMs : seconds * 1000);
}

/** The record of a lease that exists nowhere yet. */
export function newLease(namespace: string, name: string): Lease {
  return { apiVersion: apiVersionOf(LEASE), kind: LEASE.kind, metadata: { namespace, name } };
}

/** The record with the candidate as its holder: a new term, unless it holds the lease already. */
export function taken(lease: Lease, { identity, leaseDurationMs }: Candidate, time: string): Lease {
  const term = lease.spec?.leaseTransitions ?? -1;
  const spec = {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
    acquireTime: time,
    renewTime: time,
    leaseTransitions: holderOf(lease) === identity ? term : term + 1,
  };
  return { ...lease, spec: { ...lease.spec, ...spec } };
}

/** The record renewed by its holder. */
export function renewed(lease: Lease, time: string): Lease {
  return { ...lease, spec: { ...lease.spec, renewTime: time } };
}

/** The record without a holder, free for all at once. */
export function released(lease: Lease, time: string): Lease {
  return { ...lease, spec: { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime: time } };
}
