import type { StreamPosition } from "@aaa-cluster/contract";

/** A place in the stream. As a node's watermark: every change up to here is in its database. */
export interface Place {
  readonly epoch: bigint;
  readonly sequence: bigint;
}

/** A node that was never synced. No epoch that OSS starts is 0. */
export const NEVER_SYNCED: Place = { epoch: 0n, sequence: 0n };

export function isSamePlace(one: Place, other: Place): boolean {
  return one.epoch === other.epoch && one.sequence === other.sequence;
}

/**
 * What to do with a message, given what is in the database:
 * - apply: it is the next change
 * - follow: it says that the stream goes on in its epoch, with nothing missing
 * - drop: it is a duplicate, or from a relay that has been replaced
 * - gap: changes are missing that only a snapshot can bring
 */
export type Verdict = "apply" | "follow" | "drop" | "gap";

export function judgeEvent(mine: Place, event: Place): Verdict {
  if (event.epoch < mine.epoch) return "drop";
  // Every epoch begins with its position, so this node has missed the beginning.
  if (event.epoch > mine.epoch) return "gap";
  if (event.sequence <= mine.sequence) return "drop";
  return event.sequence === mine.sequence + 1n ? "apply" : "gap";
}

export function judgePosition(mine: Place, position: StreamPosition): Verdict {
  const epoch = BigInt(position.epoch);
  if (epoch < mine.epoch) return "drop";
  // Another history: the same numbers may stand for other changes there.
  if (mine.epoch < BigInt(position.originEpoch)) return "gap";
  if (mine.sequence < BigInt(position.sequence)) return "gap";
  if (epoch === mine.epoch) return "drop";
  // OSS has lost changes that this node has seen, so the numbers above its head will be given twice.
  return mine.sequence > BigInt(position.head) ? "gap" : "follow";
}
