import type { Reading, State } from "./lines.ts";

/** What readings of one thing say together. */
export type Judgement =
  /** All have the same. */
  | "same"
  /** They have not the same, and all may be right: it changed from the place of the one to that of the other. */
  | "changed"
  /** It is absent at the last places, and no reading has that it was deleted: a snapshot leaves that out. */
  | "unclear"
  /** They cannot all be right. */
  | "different";

/**
 * Judges what readings have of one entity. Every change of it has a place of its own in the stream and counts its version up
 * by one; so at one place all have the same, later ones never have an older version, one version is always the same
 * content, and there are no more changes than places. A deleted entity may be absent, as after a snapshot.
 * @param readings all that were made, in the order of their sequences
 * @param states by the key of the reading; an entity that is absent there has none
 */
export function judgeEntity(readings: readonly Reading[], states: ReadonlyMap<string, State>): Judgement {
  let before = null as Known | null;
  for (const atOnePlace of groupByPlace(readings)) {
    const found = atOnePlace.flatMap(({ key }) => states.get(key) ?? []);
    const [state, ...others] = found;
    if (state === undefined) {
      if (before !== null) before = { ...before, isAbsentSince: true };
      continue;
    }
    const { sequence } = atOnePlace[0] as Reading;
    if (others.some((other) => !isEqual(other, state))) return "different";
    if (exists(state) && found.length < atOnePlace.length) return "different";
    if (before !== null && !mayFollow(before, state, sequence)) return "different";
    before = { state, sequence, isAbsentSince: false };
  }
  if (before?.isAbsentSince === true && exists(before.state)) return "unclear";
  return distinct(readings, ({ key }) => (exists(states.get(key)) ? states.get(key)?.version : "absent")) > 1
    ? "changed"
    : "same";
}

/** The last state that was seen of an entity. */
interface Known {
  readonly state: State;
  readonly sequence: bigint;
  readonly isAbsentSince: boolean;
}

function mayFollow({ state: before, sequence: since, isAbsentSince }: Known, state: State, sequence: bigint): boolean {
  const wasDeleted = isAbsentSince && exists(before);
  const changes = state.version - before.version;
  if (changes === 0n) return isEqual(before, state) && !wasDeleted;
  // Its deletion is a change, and so is making it again.
  const needed = wasDeleted && exists(state) ? 2n : 1n;
  return changes >= needed && changes <= sequence - since;
}

const exists = (state: State | undefined): boolean => (state?.digest ?? null) !== null;

export type BucketJudgement = Exclude<Judgement, "unclear">;

/** Judges the digests that readings have of one bucket, by the key of the reading. */
export function judgeBucket(readings: readonly Reading[], digests: ReadonlyMap<string, string>): BucketJudgement {
  const digestOf = ({ key }: Reading): string | undefined => digests.get(key);
  if (groupByPlace(readings).some((atOnePlace) => distinct(atOnePlace, digestOf) > 1)) return "different";
  return distinct(readings, digestOf) > 1 ? "changed" : "same";
}

const distinct = (readings: readonly Reading[], what: (reading: Reading) => unknown): number =>
  new Set(readings.map(what)).size;

const isEqual = (a: State, b: State): boolean => a.version === b.version && a.digest === b.digest;

/** Numbers go on across epochs, so that the sequence alone is the place. */
const groupByPlace = (readings: readonly Reading[]): readonly (readonly Reading[])[] => [
  ...Map.groupBy(readings, ({ sequence }) => sequence).values(),
];
