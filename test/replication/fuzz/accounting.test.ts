import { expect, test } from "@jest/globals";
import { type Accounting, type Attempt, accountingInvariants, type Reported, type StoredRecord } from "./accounting.ts";
import { NODES } from "./plan.ts";
import { type Reporting, reportsOf } from "./reports.ts";

const [one, other] = reports();
const FIRST = "tv-aaa-0";
const SECOND = "tv-aaa-1";

function reports(): [Pick<Reported, "recordId" | "content">, Pick<Reported, "recordId" | "content">] {
  const all = reportsOf(1, 0);
  return [all.next().value, all.next().value];
}

const sent = (node: string, status: number | null, sentAt = 1): Attempt => ({ node, sentAt, status });
const reported = (record: Pick<Reported, "recordId" | "content">, ...attempts: Attempt[]): Reported => ({
  ...record,
  attempts,
});
const stored = ({ recordId, content }: Pick<Reported, "recordId" | "content">, partition = FIRST): StoredRecord => ({
  recordId,
  content,
  partition,
});
const lost = (node: string, at: number, ...recordIds: string[]) => ({ node, at, recordIds: new Set(recordIds) });

const good: Accounting = {
  reported: [reported(one, sent(FIRST, 200)), reported(other, sent(SECOND, null), sent(FIRST, 503))],
  stored: [stored(one)],
  lost: [],
  setAside: [],
};
const breachesOf = (change: Partial<Accounting>): string[] =>
  accountingInvariants.flatMap(({ name, breaches }) => breaches({ ...good, ...change }).map(() => name));

test.each<[string, Partial<Accounting>]>([
  ["a run in which all went well", {}],
  ["a record without an answer that is there", { stored: [stored(one), stored(other, SECOND)] }],
  ["a record that its node lost with its database", { stored: [], lost: [lost(FIRST, 2, one.recordId)] }],
  [
    "a record that both nodes that had taken it lost with their databases",
    {
      reported: [reported(one, sent(FIRST, 200), sent(SECOND, 200))],
      stored: [],
      lost: [lost(FIRST, 2, one.recordId), lost(SECOND, 2, one.recordId)],
    },
  ],
])("%s breaks no invariant of accounting", (_, change) => {
  expect(breachesOf(change)).toEqual([]);
});

const MISSING = "a record that a box got a 2xx for is at OSS, unless its node lost it with its database";
const TRUE = "OSS has every record once, as a box reported it, by a node that was asked";

test.each<[string, string, Partial<Accounting>]>([
  [MISSING, "a record is missing", { stored: [] }],
  [MISSING, "the database that was lost had not held the record", { stored: [], lost: [lost(FIRST, 2)] }],
  [MISSING, "another node lost its database", { stored: [], lost: [lost(SECOND, 2, one.recordId)] }],
  [
    MISSING,
    "one of two nodes that had taken it has not lost it",
    {
      reported: [reported(one, sent(FIRST, 200), sent(SECOND, 200))],
      stored: [],
      lost: [lost(FIRST, 2, one.recordId)],
    },
  ],
  [
    MISSING,
    "it was taken again after the loss",
    {
      reported: [reported(one, sent(FIRST, 200, 1), sent(FIRST, 200, 3))],
      stored: [],
      lost: [lost(FIRST, 2, one.recordId)],
    },
  ],
  [TRUE, "a record is there twice", { stored: [stored(one), stored(one)] }],
  [TRUE, "a record is of nobody", { reported: [], stored: [stored(one)] }],
  [TRUE, "a record says something else", { stored: [{ ...stored(one), content: { ...one.content, service: "x" } }] }],
  [TRUE, "a record is from a node that was not asked", { stored: [stored(one, SECOND)] }],
  [
    "no box is told that its record is wrong",
    "a retry is a conflict",
    { reported: [reported(one, sent(FIRST, 200), sent(FIRST, 409))] },
  ],
  ["OSS sets no accounting message aside", "one was set aside", { setAside: ["because"] }],
])("the invariant that %s is broken when %s", (name, _, change) => {
  expect(breachesOf(change)).toEqual([name]);
});

function firstOf(box: number, count: number): Reporting[] {
  const all = reportsOf(7, box);
  return Array.from({ length: count }, () => all.next().value);
}

test("boxes report whole sessions, no record twice, by a seed, and ask all nodes", () => {
  const taken = [0, 1].flatMap((box) => firstOf(box, 1_000));
  expect(taken).toEqual([0, 1].flatMap((box) => firstOf(box, 1_000)));
  expect(new Set(taken.map(({ recordId }) => recordId)).size).toBe(2_000);
  const statuses = taken.slice(0, 10).map(({ content }) => content.acctStatusType);
  expect(statuses).toEqual(["Start", ...Array(8).fill("Interim-Update"), "Stop"]);
  for (const { nodes } of taken) expect(nodes.toSorted()).toEqual([...NODES]);
  expect(new Set(taken.map(({ nodes }) => nodes.join())).size).toBe(6);
  for (const kind of ["persistent", "twice"] as const) {
    expect(new Set(taken.map((reporting) => reporting[kind]))).toEqual(new Set([true, false]));
  }
});
