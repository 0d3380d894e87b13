import { expect, jest, test } from "@jest/globals";
import { Partition } from "./partition.ts";
import { minSequenceOf, refusalOf, regressOf, stalenessLimit } from "./staleness.ts";

test("without settings a node serves what it has, and counts as behind after 30 seconds", () => {
  expect(stalenessLimit({})).toEqual({ maxLagSeconds: 30, staleReads: "Serve" });
  expect(stalenessLimit({ MAX_LAG_SECONDS: "5", STALE_READS: "Refuse" })).toEqual({
    maxLagSeconds: 5,
    staleReads: "Refuse",
  });
  expect(() => stalenessLimit({ MAX_LAG_SECONDS: "soon" })).toThrow("set MAX_LAG_SECONDS to a whole number");
  expect(() => stalenessLimit({ STALE_READS: "refuse" })).toThrow("set STALE_READS to one of Serve, Refuse");
});

const partition = (staleReads: "Serve" | "Refuse"): Partition =>
  new Partition("tv-aaa-0", { maxLagSeconds: 30, staleReads });

test("a node that was never synced refuses in any case", () => {
  for (const policy of ["Serve", "Refuse"] as const) {
    expect(refusalOf(partition(policy))).toMatchObject({ status: 503, code: "not-synced" });
  }
});

test("a node that is not connected serves what it has, or refuses once it is further behind than allowed", () => {
  jest.useFakeTimers();
  try {
    const nodes = [partition("Serve"), partition("Refuse")];
    for (const node of nodes) {
      node.watermark = { epoch: 1n, sequence: 1n };
      node.freshness.replaced(performance.now());
    }
    jest.advanceTimersByTime(30_000);
    expect(nodes.map(({ behind }) => behind)).toEqual([false, false]);
    expect(nodes.map(refusalOf)).toEqual([null, null]);
    jest.advanceTimersByTime(1_000);
    expect(nodes.map(({ behind }) => behind)).toEqual([true, true]);
    const message = "this node is 31 s behind, and 30 s are allowed; ask another one";
    expect(nodes.map(refusalOf)).toEqual([null, expect.objectContaining({ message })]);
  } finally {
    jest.useRealTimers();
  }
});

test("a node that was away refuses until it has caught up once, when stale reads are refused", () => {
  const node = partition("Refuse");
  node.watermark = { epoch: 1n, sequence: 1n };
  expect(refusalOf(node)).toMatchObject({ code: "behind", message: expect.stringContaining("since it started") });
  node.freshness.replaced(performance.now());
  expect(refusalOf(node)).toBeNull();
});

test("a request that asks for a sequence is answered from there on, and one that asks for none in any case", () => {
  const place = { epoch: 1n, sequence: 41n };
  for (const header of [undefined, "0", "41"]) expect(regressOf(place, minSequenceOf(header))).toBeNull();
  expect(regressOf(place, minSequenceOf("42"))).toMatchObject({
    status: 503,
    code: "behind",
    message: "this node is at 41 of the stream, and 42 is asked for; ask another one",
  });
});

test.each(["", "-1", "1.5", "newest", "9".repeat(20)])("%p is no sequence to ask for", (header) => {
  expect(() => minSequenceOf(header)).toThrow("the header aaa-min-sequence cannot be read");
});
