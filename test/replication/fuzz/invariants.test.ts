import { expect, test } from "@jest/globals";
import {
  breachesOf,
  type Committed,
  type Entity,
  invariants,
  type Observation,
  type Run,
  type Told,
} from "./invariants.ts";
import type { Change } from "./writes.ts";

const offering = (id: string, name: string): Change => ({ entity: "ProductOffering", id, payload: { name } });

const changes = [
  offering("a", "a1"),
  offering("b", "b1"),
  offering("a", "a2"),
  { ...offering("b", ""), payload: null },
];
const versions = [1n, 1n, 2n, 2n];
const committed: Committed[] = changes.map((change, index) => ({
  ...change,
  version: versions[index] ?? 0n,
  sequence: BigInt(index + 1),
}));
const told: Told[] = changes.map((change, index) => ({
  write: { name: `0.${index}`, to: "oss-0", afterMs: 0, changes: [change] },
  outcome: "accepted",
  sequence: BigInt(index + 1),
}));
const entityOf = ({ sequence: _, ...entity }: Committed): Entity => entity;
const [a1, b1, a2, b2] = committed.map(entityOf) as [Entity, Entity, Entity, Entity];

function seen(sequence: bigint, entities: readonly Entity[], more: Partial<Observation> = {}): Observation {
  return { node: "tv-aaa-0", database: "1", epoch: 10n, sequence, entities, digest: "7", counted: "7", ...more };
}

const good: Run = {
  plan: { seed: 1, lengthMs: 0, faults: [], lastWrite: false },
  told,
  committed,
  oss: { epoch: 10n, sequence: 4n, published: 4n, digest: "7", counted: "7" },
  ossEntities: [a2, b2],
  observations: [seen(0n, [], { epoch: 0n }), seen(2n, [a1, b1]), seen(4n, [a2, b2])],
  resyncs: [{ node: "tv-aaa-0", reason: "never-synced" }],
  quarantined: { "tv-aaa-0": 0 },
  crashes: [],
  accounting: { reported: [], stored: [], lost: [], setAside: [] },
};

const refused = (change: Change): Told => ({
  write: { name: "1.1", to: "oss-0", afterMs: 0, changes: [change] },
  outcome: "refused",
  sequence: null,
});
const unheard = (...more: Change[]): Told => ({
  write: { name: "1.2", to: "oss-0", afterMs: 0, changes: more },
  outcome: "unknown",
  sequence: null,
});
const [firstTold, ...laterTold] = told as [Told, ...Told[]];

test("a run in which all went well breaks no invariant", () => {
  expect(breachesOf(good)).toEqual([]);
});

test.each<[string, Partial<Run>]>([
  ["a node whose snapshot brought no tombstone", { observations: [seen(4n, [a2])] }],
  [
    "an empty row that a refused change has locked",
    { ossEntities: [a2, b2, { ...a1, id: "c", version: 0n, payload: null }] },
  ],
  ["a write without an answer that has happened", { told: [unheard(offering("a", "a1")), ...laterTold] }],
  ["a write without an answer that has not", { told: [...told, unheard(offering("a", "a3"))] }],
  [
    "a node that begins anew on an empty database",
    {
      observations: [seen(4n, [a2, b2]), seen(0n, [], { database: "2", epoch: 0n }), seen(4n, [a2], { database: "2" })],
    },
  ],
  [
    "a node that asks for a snapshot after its queue was deleted",
    {
      plan: { ...good.plan, faults: [{ kind: "delete-queue", target: "tv-aaa-0", atMs: 0, forMs: 0 }] },
      resyncs: [...good.resyncs, { node: "tv-aaa-0", reason: "queue-lost" }],
    },
  ],
])("%s breaks no invariant", (_name, change) => {
  expect(breachesOf({ ...good, ...change })).toEqual([]);
});

test.each<[string, string, Partial<Run>]>([
  ["the sequence has no hole and no repetition", "a hole", { committed: committed.toSpliced(1, 1) }],
  [
    "every write with a 2xx is in the stream, whole, where the answer said",
    "a write that was accepted is not there",
    { told: [{ ...firstTold, sequence: 2n }, ...laterTold] },
  ],
  [
    "no write that was refused is in the stream",
    "a refused one is there",
    { told: [refused(offering("a", "a1")), ...laterTold] },
  ],
  [
    "every change in the stream was written once, and with all of its request",
    "a change of nobody",
    { told: laterTold },
  ],
  [
    "every change in the stream was written once, and with all of its request",
    "half a request",
    { told: [unheard(offering("a", "a1"), offering("c", "c1")), ...laterTold] },
  ],
  ["OSS holds what its stream says", "OSS has another state", { ossEntities: [a1, b2] }],
  ["OSS holds what its stream says", "OSS has lost a deletion", { ossEntities: [a2, b1] }],
  [
    "whenever a node is read, it is OSS as of the sequence that it says",
    "a node has a change that its watermark has not",
    { observations: [seen(2n, [a2, b1]), seen(4n, [a2, b2])] },
  ],
  [
    "whenever a node is read, it is OSS as of the sequence that it says",
    "a node lacks a change that its watermark has",
    { observations: [seen(4n, [])] },
  ],
  [
    "every digest is that of what is there, and at the end all are equal",
    "a node has counted a change twice",
    { observations: [seen(2n, [a1, b1], { digest: "8" }), seen(4n, [a2, b2])] },
  ],
  [
    "every digest is that of what is there, and at the end all are equal",
    "a node has another content than OSS and counts it right",
    { observations: [seen(4n, [a2, b2], { digest: "8", counted: "8" })] },
  ],
  [
    "neither the place of a node nor a version of an entity there goes backwards",
    "an older version comes back",
    { observations: [seen(3n, [a2, b1]), seen(2n, [a1, b1]), seen(4n, [a2, b2])] },
  ],
  [
    "at the end every node is where OSS is, and all is published",
    "a node is behind",
    { observations: [seen(3n, [a2, b1])] },
  ],
  [
    "at the end every node is where OSS is, and all is published",
    "the relay has not published all",
    { oss: { ...good.oss, published: 3n } },
  ],
  [
    "a node asks for a snapshot only when something was lost",
    "a gap from nowhere",
    { resyncs: [...good.resyncs, { node: "tv-aaa-0", reason: "gap" }] },
  ],
  ["nothing is in quarantine", "a message was set aside", { quarantined: { "tv-aaa-0": 1 } }],
  ["no process ends by itself", "a process crashed", { crashes: ["oss-0 ended with 1"] }],
])("the invariant that %s is broken when %s", (name, _how, change) => {
  expect(breachesOf({ ...good, ...change }).some((breach) => breach.startsWith(`${name}: `))).toBe(true);
});

test("every invariant has its own name, which says what breaks it", () => {
  expect(new Set(invariants.map(({ name }) => name)).size).toBe(invariants.length);
});
