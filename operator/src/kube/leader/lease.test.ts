import { expect, test } from "@jest/globals";
import { microTime } from "../time.ts";
import { isFree, type Lease, newLease, observed, released, renewed, taken } from "./lease.ts";

const US = { identity: "us", leaseDurationMs: 15_000 };

function lease(resourceVersion: string, spec: Lease["spec"] = {}): Lease {
  const { apiVersion, kind, metadata } = newLease("system", "leader");
  return { apiVersion, kind, metadata: { ...metadata, resourceVersion }, spec };
}

test.each<[string, Lease["spec"] | undefined, number, boolean]>([
  ["nobody made it", undefined, 0, true],
  ["its holder gave it away", { holderIdentity: "", leaseDurationSeconds: 1 }, 0, true],
  ["it never had a holder", {}, 0, true],
  ["it is ours already", { holderIdentity: "us", leaseDurationSeconds: 15 }, 0, true],
  ["its time is over", { holderIdentity: "them", leaseDurationSeconds: 15 }, 15_000, true],
  ["its time is not over", { holderIdentity: "them", leaseDurationSeconds: 15 }, 14_999, false],
  ["its holder asked for longer than we would", { holderIdentity: "them", leaseDurationSeconds: 60 }, 59_999, false],
  ["its holder named no duration, and ours is not over", { holderIdentity: "them" }, 14_999, false],
  ["its holder named no duration, and ours is over", { holderIdentity: "them" }, 15_000, true],
])("whether a lease is free when %s", (_, spec, unchangedMs, free) => {
  const since = 1_000_000;
  const found = spec === undefined ? undefined : lease("7", spec);
  expect(isFree({ lease: found, since }, US, since + unchangedMs)).toBe(free);
});

test("the wait for a lease starts anew with each version of it, and only then", () => {
  const first = observed(undefined, lease("7"), 10);
  expect(first.since).toBe(10);
  expect(observed(first, lease("7"), 20)).toBe(first);
  expect(observed(first, lease("8"), 20).since).toBe(20);
  expect(observed(first, undefined, 20).since).toBe(20);
});

test("terms count from 0, grow with each holder, and stay while the holder does", () => {
  const first = taken(lease("1"), US, "now");
  const again = taken(first, US, "now");
  const next = taken(again, { ...US, identity: "them" }, "now");
  const after = taken(released(next, "now"), { ...US, identity: "them" }, "now");
  expect([first, again, next, after].map(({ spec }) => spec?.leaseTransitions)).toEqual([0, 0, 1, 2]);
});

test("a duration is written in whole seconds, none of which is taken off", () => {
  expect(taken(lease("1"), { ...US, leaseDurationMs: 1_001 }, "now").spec?.leaseDurationSeconds).toBe(2);
});

test("fields that nobody here knows stay through a whole term", () => {
  const unknown = { strategy: "OldestEmulationVersion", fieldOfTheFuture: { x: [null] } };
  const found = { ...lease("1", unknown as Lease["spec"]), topLevel: 1 };
  const end = released(renewed(taken(found, US, "a"), "b"), "c");
  expect(end).toMatchObject({ topLevel: 1, metadata: found.metadata, spec: unknown });
  expect(end.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1, acquireTime: "a", renewTime: "c" });
});

test("a MicroTime has six digits, and differs from the one before while the clock stands still", () => {
  const stopped = new Date("2026-01-02T03:04:05.678Z");
  expect(microTime(stopped, 9)).toBe("2026-01-02T03:04:05.678009Z");
  expect(microTime(stopped, 1_010)).toBe("2026-01-02T03:04:05.678010Z");
});
