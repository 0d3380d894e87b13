import { type Env, integerOf, Problem, wordOf } from "@aaa-cluster/service-kit";
import type { Partition } from "./partition.ts";
import type { Place } from "./watermark.ts";

const STALE_READS = ["Serve", "Refuse"] as const;
const MAX_LAG_SECONDS = 30;
const DAY_SECONDS = 86_400;
/** How often OSS says where the stream is. */
const RETRY_AFTER_SECONDS = 5;

/** When a node counts as behind, and whether it answers boxes even so. */
export interface StalenessLimit {
  readonly maxLagSeconds: number;
  readonly staleReads: (typeof STALE_READS)[number];
}

/** Reads MAX_LAG_SECONDS and STALE_READS. Throws SettingsError. */
export function stalenessLimit(env: Env): StalenessLimit {
  return {
    maxLagSeconds: integerOf(env, "MAX_LAG_SECONDS", MAX_LAG_SECONDS, [0, DAY_SECONDS]),
    staleReads: wordOf(env, "STALE_READS", "Serve", STALE_READS),
  };
}

/** Why boxes must not be answered from what this node has now, or null. */
export function refusalOf(partition: Partition): Problem | null {
  const { everSynced, freshness, limit } = partition;
  if (!everSynced) return neverSynced();
  if (limit.staleReads === "Serve") return null;
  // What it had when it ended may be as old as it was away.
  if (!freshness.hasCaughtUp) return stale("has not caught up since it started");
  const { behind, lagSeconds } = partition;
  return behind ? stale(`is ${lagSeconds} s behind, and ${limit.maxLagSeconds} s are allowed`) : null;
}

/** Up to which sequence a node must be at least to answer a request, by its header. Throws Problem 400. */
export function minSequenceOf(header: string | string[] | undefined): bigint {
  if (header === undefined) return 0n;
  if (typeof header === "string" && /^\d{1,19}$/.test(header)) return BigInt(header);
  throw new Problem(400, "invalid-request", "the header aaa-min-sequence cannot be read", [
    "aaa-min-sequence: must be a whole number, as aaa-sequence of an answer",
  ]);
}

/** Why a box that has seen the stream at `minSequence` must not be answered from before it, or null. */
export function regressOf({ sequence }: Place, minSequence: bigint): Problem | null {
  if (sequence >= minSequence) return null;
  return stale(`is at ${sequence} of the stream, and ${minSequence} is asked for`);
}

export function neverSynced(): Problem {
  return new Problem(503, "not-synced", "this node has no data yet; ask another one", [], RETRY_AFTER_SECONDS);
}

function stale(how: string): Problem {
  return new Problem(503, "behind", `this node ${how}; ask another one`, [], RETRY_AFTER_SECONDS);
}
