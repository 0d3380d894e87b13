import { isDeepStrictEqual } from "node:util";
import { type Accounting, accountingInvariants } from "./accounting.ts";
import type { FaultKind, Plan } from "./plan.ts";
import type { Change, Write } from "./writes.ts";

/**
 * What a writer was told:
 * - accepted: a 2xx, with what it said
 * - refused: a 4xx, so nothing has happened
 * - unknown: no answer, or a 5xx: it may have happened, even later
 */
export interface Told {
  readonly write: Write;
  readonly outcome: "accepted" | "refused" | "unknown";
  /** The last sequence number that the request was given, when it was accepted. */
  readonly sequence: bigint | null;
}

export interface Entity {
  readonly entity: string;
  readonly id: string;
  readonly version: bigint;
  /** Null: it was deleted at this version. */
  readonly payload: Readonly<Record<string, unknown>> | null;
}

/** One change that OSS has committed. */
export interface Committed extends Entity {
  readonly sequence: bigint;
}

/** The content digest that a database keeps, and the one of what it really holds. */
export interface Digests {
  readonly digest: string;
  readonly counted: string;
}

/** What a node's database held at one moment. */
export interface Observation extends Digests {
  readonly node: string;
  /** Changes when the node gets an empty database. */
  readonly database: string;
  readonly epoch: bigint;
  readonly sequence: bigint;
  readonly entities: readonly Entity[];
}

/** A node that asked for a snapshot, and why. */
export interface Resync {
  readonly node: string;
  readonly reason: string;
}

/** All that is known after a run, when everything is healed and the nodes follow again. */
export interface Run {
  readonly plan: Plan;
  readonly told: readonly Told[];
  /** In order of the sequence. */
  readonly committed: readonly Committed[];
  readonly oss: Digests & { readonly epoch: bigint; readonly sequence: bigint; readonly published: bigint };
  readonly ossEntities: readonly Entity[];
  /** In order of time, of all nodes; the last of each node is from the end. */
  readonly observations: readonly Observation[];
  readonly resyncs: readonly Resync[];
  /** Messages in the nodes' quarantine tables, by node. */
  readonly quarantined: Readonly<Record<string, number>>;
  /** Processes that ended though nobody told them to, with what they said last. */
  readonly crashes: readonly string[];
  readonly accounting: Accounting;
}

/** Something that holds whatever the faults were. */
export interface Invariant {
  readonly name: string;
  /** What contradicts it, for a person to read; none when it holds. */
  breaches(run: Run): string[];
}

/** Faults that lose messages of the node they hit, so that it must ask for a snapshot. */
const LOSSY: readonly FaultKind[] = ["delete-queue", "unbind", "overflow", "database-lost"];

/** The invariants of replication, and then those of accounting. */
export const invariants: readonly Invariant[] = [
  {
    name: "the sequence has no hole and no repetition",
    breaches: ({ committed, oss }) => {
      const wrong = committed.filter(({ sequence }, index) => sequence !== BigInt(index + 1)).slice(0, 1);
      const found = wrong.map(({ sequence }) => `${sequence} is not where it should be`);
      return BigInt(committed.length) === oss.sequence
        ? found
        : [...found, `${committed.length} events, but the stream is at ${oss.sequence}`];
    },
  },
  {
    name: "every write with a 2xx is in the stream, whole, where the answer said",
    breaches: ({ told, committed }) =>
      told.flatMap(({ write, outcome, sequence }) => {
        if (outcome !== "accepted" || sequence === null) return [];
        const last = Number(sequence);
        const events = committed.slice(last - write.changes.length, last);
        return write.changes.flatMap((change) =>
          events.some((event) => carries(event, change)) ? [] : [`${describe(write, change)} is not at ${sequence}`],
        );
      }),
  },
  {
    name: "no write that was refused is in the stream",
    breaches: ({ told, committed }) => {
      const marks = new Set(committed.flatMap((event) => markOf(event) ?? []));
      return told.flatMap(({ write, outcome }) => {
        if (outcome !== "refused") return [];
        const found = write.changes.filter((change) => marks.has(markOf(change) ?? ""));
        return found.map((change) => `${describe(write, change)} was refused and is there`);
      });
    },
  },
  {
    name: "every change in the stream was written once, and with all of its request",
    breaches: ({ told, committed }) => {
      const times = Map.groupBy(
        committed.flatMap((event) => markOf(event) ?? []),
        (mark) => mark,
      );
      const written = new Map(told.flatMap(({ write }) => write.changes.map((change) => [markOf(change), write])));
      const torn = told.flatMap(({ write }) => {
        const marks = write.changes.flatMap((change) => markOf(change) ?? []);
        const there = marks.filter((mark) => times.has(mark)).length;
        return there === 0 || there === marks.length ? [] : [`${write.name}: ${there} of ${marks.length} changes`];
      });
      const strange = [...times].flatMap(([mark, found]) => {
        if (!written.has(mark)) return [`nobody wrote ${mark}`];
        return found.length === 1 ? [] : [`${mark} was committed ${found.length} times`];
      });
      return [...torn, ...strange];
    },
  },
  {
    name: "OSS holds what its stream says",
    breaches: ({ committed, ossEntities, oss }) =>
      differences("OSS", stateAt(committed, oss.sequence), ossEntities, oss.sequence),
  },
  {
    name: "whenever a node is read, it is OSS as of the sequence that it says",
    breaches: ({ committed, observations }) =>
      observations.flatMap(({ node, epoch, sequence, entities }) =>
        differences(node, stateAt(committed, epoch === 0n ? 0n : sequence), entities, sequence),
      ),
  },
  {
    name: "every digest is that of what is there, and at the end all are equal",
    breaches: ({ observations, oss }) => {
      const ends = new Map(observations.map((observation) => [observation.node, observation]));
      const known = [{ node: "OSS", ...oss }, ...observations];
      return [
        ...known.flatMap(({ node, sequence, digest, counted }) =>
          digest === counted ? [] : [`${node} at ${sequence}: ${digest} for what is ${counted}`],
        ),
        ...[...ends.values()].flatMap(({ node, digest }) =>
          digest === oss.digest ? [] : [`${node}: ${digest}, OSS: ${oss.digest}`],
        ),
      ];
    },
  },
  {
    name: "neither the place of a node nor a version of an entity there goes backwards",
    breaches: ({ observations }) =>
      [...Map.groupBy(observations, ({ node, database }) => `${node} (database ${database})`)].flatMap(backwards),
  },
  {
    name: "at the end every node is where OSS is, and all is published",
    breaches: ({ observations, oss }) => {
      const ends = new Map(observations.map((observation) => [observation.node, observation]));
      const late = [...ends.values()].filter(({ epoch, sequence }) => epoch !== oss.epoch || sequence !== oss.sequence);
      return [
        ...late.map(({ node, epoch, sequence }) => `${node} is at ${epoch}/${sequence}, OSS at ${placeOf(oss)}`),
        ...(oss.published === oss.sequence ? [] : [`published ${oss.published} of ${oss.sequence}`]),
      ];
    },
  },
  {
    name: "a node asks for a snapshot only when something was lost",
    breaches: ({ plan, resyncs }) =>
      resyncs.flatMap(({ node, reason }, index) => {
        const first = resyncs.findIndex((resync) => resync.node === node) === index;
        const excused = plan.faults.some(({ kind, target }) => target === node && LOSSY.includes(kind));
        return excused || (first && reason === "never-synced") ? [] : [`${node}: ${reason}`];
      }),
  },
  {
    name: "nothing is in quarantine",
    breaches: ({ quarantined }) =>
      Object.entries(quarantined).flatMap(([node, count]) => (count === 0 ? [] : [`${node}: ${count} messages`])),
  },
  { name: "no process ends by itself", breaches: ({ crashes }) => [...crashes] },
  ...accountingInvariants.map(({ name, breaches }) => ({
    name,
    breaches: ({ accounting }: Run) => breaches(accounting),
  })),
];

/** All that is wrong with a run, each line with the invariant that it breaks; of each at most the first few. */
export function breachesOf(run: Run): string[] {
  return invariants.flatMap(({ name, breaches }) => {
    const found = breaches(run);
    const more = found.length > 3 ? [`… and ${found.length - 3} more`] : [];
    return [...found.slice(0, 3), ...more].map((line) => `${name}: ${line}`);
  });
}

const states = new WeakMap<readonly Committed[], Map<bigint, ReadonlyMap<string, Entity>>>();

/** Every entity that exists after the changes up to a place in the stream, with what was deleted. */
function stateAt(committed: readonly Committed[], sequence: bigint): ReadonlyMap<string, Entity> {
  const known = states.get(committed) ?? new Map();
  states.set(committed, known);
  const found = known.get(sequence);
  if (found !== undefined) return found;
  const state = new Map(committed.slice(0, Number(sequence)).map((event) => [keyOf(event), event]));
  known.set(sequence, state);
  return state;
}

/** A tombstone may be missing, as a snapshot brings none. */
function differences(
  where: string,
  expected: ReadonlyMap<string, Entity>,
  entities: readonly Entity[],
  at: bigint,
): string[] {
  const found = new Map(entities.map((entity) => [keyOf(entity), entity]));
  const keys = new Set([...expected.keys(), ...found.keys()]);
  return [...keys].flatMap((key) => {
    const should = expected.get(key);
    const is = found.get(key);
    // A row that was locked for a change that was then refused.
    if (should === undefined && is?.version === 0n) return [];
    if (is === undefined && should?.payload === null) return [];
    if (is?.version === should?.version && isDeepStrictEqual(is?.payload, should?.payload)) return [];
    return [`${where} at ${at}: ${key} is ${print(is)} instead of ${print(should)}`];
  });
}

function backwards([where, observations]: [string, readonly Observation[]]): string[] {
  const newest = new Map<string, bigint>();
  let before: Observation | undefined;
  return observations.flatMap((now) => {
    const wrong =
      before !== undefined && isBefore(now, before) ? [`${where}: ${placeOf(before)}, then ${placeOf(now)}`] : [];
    before = now;
    const older = now.entities.filter((entity) => entity.version < (newest.get(keyOf(entity)) ?? 0n));
    const found = older.map(
      (entity) => `${where}: ${keyOf(entity)} was at ${newest.get(keyOf(entity))}, then ${print(entity)}`,
    );
    for (const entity of now.entities) newest.set(keyOf(entity), entity.version);
    return [...wrong, ...found];
  });
}

interface Place {
  readonly epoch: bigint;
  readonly sequence: bigint;
}

const isBefore = (a: Place, b: Place): boolean => a.epoch < b.epoch || a.sequence < b.sequence;
const placeOf = ({ epoch, sequence }: Place): string => `${epoch}/${sequence}`;
const keyOf = ({ entity, id }: { readonly entity: string; readonly id: string }): string => `${entity}/${id}`;
const describe = ({ name }: Write, change: Change): string => `write ${name} of ${keyOf(change)}`;

function print(entity: Entity | undefined): string {
  if (entity === undefined) return "missing";
  const { version, payload } = entity;
  return `version ${version} ${payload === null ? "deleted" : (markOf(entity) ?? String(payload.status))}`;
}

/** Whether a committed change is the one that was asked for. */
function carries(event: Committed, change: Change): boolean {
  if (keyOf(event) !== keyOf(change)) return false;
  if (change.payload === null || event.payload === null) return change.payload === event.payload;
  const { password: _, ...asked } = change.payload;
  return Object.entries(asked).every(([name, value]) => isDeepStrictEqual(event.payload?.[name], value));
}

/** What tells a change from all others, or null when it has no room for that. */
function markOf({ entity, id, payload }: Change | Entity): string | null {
  const mark = payload?.name ?? payload?.macAddress ?? payload?.validFrom;
  return mark === undefined ? null : `${entity}/${id} ${mark}`;
}
