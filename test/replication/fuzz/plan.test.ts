import { expect, test } from "@jest/globals";
import { type Fault, NODES, planOf, printPlan, targets } from "./plan.ts";
import { WRITERS, type Write, writesOf } from "./writes.ts";

const LENGTH_MS = 8_000;
const plans = Array.from({ length: 1_000 }, (_, index) => planOf(index + 1, LENGTH_MS));

test("the same seed gives the same schedule, and another seed another one", () => {
  expect(planOf(7, LENGTH_MS)).toEqual(planOf(7, LENGTH_MS));
  expect(new Set(plans.map((plan) => JSON.stringify(plan.faults))).size).toBeGreaterThan(990);
});

test("a thousand seeds have every kind of fault on everything that it can hit", () => {
  const hit = new Set(plans.flatMap(({ faults }) => faults.map(({ kind, target }) => `${kind} ${target}`)));
  const all = Object.entries(targets).flatMap(([kind, names]) => names.map((name) => `${kind} ${name}`));
  expect([...hit].sort()).toEqual(all.sort());
});

test("faults begin and are healed within the time, in order", () => {
  for (const { faults } of plans) {
    expect(faults.length).toBeGreaterThan(0);
    expect(faults).toEqual(faults.toSorted((a, b) => a.atMs - b.atMs));
    for (const { kind, atMs, forMs } of faults) {
      expect(atMs).toBeGreaterThanOrEqual(0);
      expect(atMs).toBeLessThanOrEqual(LENGTH_MS);
      expect(forMs).toBeGreaterThanOrEqual(kind.startsWith("broker-") ? 0 : 200);
      expect(atMs + forMs).toBeLessThanOrEqual(LENGTH_MS + 200);
    }
  }
});

test("nothing is hit by two faults at once, so that each heals what it broke", () => {
  const overlapping = ({ kind, target, atMs, forMs }: Fault, other: Fault): boolean =>
    kind === other.kind && target === other.target && other.atMs <= atMs + forMs;
  for (const { faults } of plans) {
    for (const [index, fault] of faults.entries()) {
      expect(faults.slice(index + 1).filter((other) => overlapping(fault, other))).toEqual([]);
    }
  }
});

test("no broker is killed that may have a queue it was not yet sure of", () => {
  const killing = plans.filter(({ faults }) => faults.some(({ kind }) => kind === "broker-kill"));
  expect(killing.length).toBeGreaterThan(50);
  for (const { faults } of killing) expect(faults.map(({ kind }) => kind)).not.toContain("delete-queue");
});

test("a schedule can be read", () => {
  const faults: Fault[] = [
    { kind: "kill", target: NODES[0], atMs: 1_234, forMs: 500 },
    { kind: "cut", target: "oss-0 to broker", atMs: 2_000, forMs: 4_000 },
  ];
  expect(printPlan({ seed: 3, lengthMs: 8_000, faults, lastWrite: true })).toBe(
    `seed 3, writers for 8.0 s
  at 1.2 s kill tv-aaa-0, for 0.5 s
  at 2.0 s cut oss-0 to broker, for 4.0 s
  at 8.0 s all is healed, then one last write`,
  );
});

test("a writer writes the same again for the same seed, and no two changes look alike", () => {
  const first = (seed: number, writer: number): Write[] => {
    const writes = writesOf(seed, writer);
    return Array.from({ length: 300 }, () => writes.next().value);
  };
  expect(first(5, 1)).toEqual(first(5, 1));
  const writes = Array.from({ length: WRITERS }, (_, writer) => first(5, writer)).flat();
  expect(new Set(writes.map(({ name }) => name)).size).toBe(writes.length);
  const marked = writes.flatMap(({ changes }) =>
    changes.filter(({ entity, payload }) => entity !== "Subscriber" && payload !== null),
  );
  expect(new Set(marked.map(({ payload }) => JSON.stringify(payload))).size).toBe(marked.length);
});
