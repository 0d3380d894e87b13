import { ContentError } from "./error.ts";
import { type BucketJudgement, type Judgement, judgeBucket, judgeEntity } from "./judge.ts";
import { ALL, bucketOf, type Line, NONE, parseLine, type Reading, type State } from "./lines.ts";

const BUCKETS = 256;
/** How many of the entities that differ are kept to be shown. */
const SHOWN = 10;

/** An entity that differs, and what the readings have of it; a reading where it is absent has no state. */
export interface Difference {
  readonly entity: string;
  readonly id: string;
  readonly states: ReadonlyMap<string, State>;
}

export interface Comparison {
  /** In the order of their sequences. */
  readonly readings: readonly Reading[];
  /** Buckets whose entities were not read, by what their digests say. */
  readonly buckets: Readonly<Record<BucketJudgement, readonly string[]>>;
  /** How many entities that were read there are of each kind. */
  readonly entities: Readonly<Record<Judgement, number>>;
  /** The first entities that differ, in the order of their names. */
  readonly differences: readonly Difference[];
  /** The buckets of all entities that differ. */
  readonly differing: readonly string[];
}

/**
 * Compares readings, given as their lines in the order of the bytes. It keeps what is said of one entity at a time. Throws
 * ContentError when there are not two of them, or they are not whole, or not of the same buckets.
 */
export async function compareContent(lines: AsyncIterable<string>): Promise<Comparison> {
  const readings: Reading[] = [];
  const counts = new Map<string, Record<"bucket" | "entity", number>>();
  const buckets: Record<BucketJudgement, string[]> = { same: [], changed: [], different: [] };
  const entities: Record<Judgement, number> = { same: 0, changed: 0, unclear: 0, different: 0 };
  const differences: Difference[] = [];
  const differing = new Set<string>();
  for await (const group of groups(lines)) {
    if (group.kind === "at") {
      insert(readings, group.reading);
      counts.set(group.reading.key, { bucket: 0, entity: 0 });
      continue;
    }
    for (const { kind, reading } of group.lines) {
      const count = counts.get(reading);
      if (count === undefined) throw new ContentError(`lines of ${reading} came without its first line: ${CUT_OFF}`);
      count[kind] += 1;
    }
    if (group.kind === "bucket") {
      const digests = new Map(group.lines.map(({ reading, digest }) => [reading, digest]));
      const { bucket } = group.lines[0];
      if (!isCovered(readings[0]?.coverage ?? NONE, bucket)) buckets[judgeBucket(readings, digests)].push(bucket);
      continue;
    }
    const states = new Map(group.lines.map((line) => [line.reading, line]));
    const judgement = judgeEntity(readings, states);
    entities[judgement] += 1;
    if (judgement !== "different") continue;
    const { entity, id } = group.lines[0];
    differing.add(bucketOf(entity, id));
    if (differences.length < SHOWN) differences.push({ entity, id, states });
  }
  checkComparable(readings);
  for (const { key, name, entities: all } of readings) {
    const count = counts.get(key);
    if (count?.bucket !== BUCKETS || count.entity !== all) {
      throw new ContentError(`the reading of ${name} is not whole: ${CUT_OFF}`);
    }
  }
  return { readings, buckets, entities, differences, differing: [...differing].sort() };
}

const CUT_OFF = "it was cut off, so take it again";

/** Keeps readings in the order of their sequences. */
function insert(readings: Reading[], reading: Reading): void {
  const later = readings.findIndex(({ sequence }) => sequence > reading.sequence);
  readings.splice(later === -1 ? readings.length : later, 0, reading);
}

function checkComparable(readings: readonly Reading[]): void {
  if (readings.length < 2) {
    const count = readings.length === 0 ? "none" : "one, however often it is given";
    throw new ContentError(`give two readings or more; here is ${count}`);
  }
  const coverages = new Set(readings.map(({ coverage }) => coverage));
  if (coverages.size > 1) {
    throw new ContentError(`take all readings with the same --bucket; here are ${[...coverages].sort().join(" and ")}`);
  }
}

const isCovered = (coverage: string, bucket: string): boolean =>
  coverage === ALL || coverage.split(",").includes(bucket);

type LineOf<K extends Line["kind"]> = Extract<Line, { kind: K }>;
type GroupOf<K extends Line["kind"]> = {
  readonly kind: K;
  readonly lines: [LineOf<K>, ...LineOf<K>[]];
};
/** The first line of a reading, or what all readings say of one bucket or of one entity. */
type Group = LineOf<"at"> | GroupOf<"bucket"> | GroupOf<"entity">;

async function* groups(lines: AsyncIterable<string>): AsyncGenerator<Group> {
  let group: GroupOf<"bucket"> | GroupOf<"entity"> | undefined;
  for await (const text of lines) {
    const line = parseLine(text);
    if (line === null) throw new ContentError(`"${text.slice(0, 80)}" is no line that content writes`);
    if (line.kind === "bucket" && group?.kind === "bucket" && group.lines[0].bucket === line.bucket) {
      group.lines.push(line);
    } else if (line.kind === "entity" && group?.kind === "entity" && isOfSame(group.lines[0], line)) {
      group.lines.push(line);
    } else {
      if (group !== undefined) yield group;
      group = undefined;
      if (line.kind === "at") yield line;
      else group = line.kind === "bucket" ? { kind: "bucket", lines: [line] } : { kind: "entity", lines: [line] };
    }
  }
  if (group !== undefined) yield group;
}

const isOfSame = (a: LineOf<"entity">, b: LineOf<"entity">): boolean => a.entity === b.entity && a.id === b.id;
