import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { Freshness } from "./freshness.ts";

const SECOND = 1_000;
const caughtUp = (now: number): Freshness => {
  const freshness = new Freshness(0);
  freshness.replaced(now);
  return freshness;
};

test("a node that has not caught up counts from its start", () => {
  const freshness = new Freshness(5 * SECOND);
  expect(freshness.hasCaughtUp).toBe(false);
  expect(freshness.seconds(40 * SECOND, true)).toBe(35);
});

test("a snapshot is as new as the moment in which it was asked for", () => {
  const freshness = caughtUp(20 * SECOND);
  expect(freshness.hasCaughtUp).toBe(true);
  expect(freshness.seconds(50 * SECOND, true)).toBe(30);
});

test("a follower with an empty queue that hears positions with nothing new has everything", () => {
  const freshness = new Freshness(0);
  for (let now = 0; now < 60 * SECOND; now += 5 * SECOND) {
    freshness.measured(0, now);
    freshness.took(1, [7n], 7n);
    expect(freshness.seconds(now + 9 * SECOND, true)).toBe(0);
  }
  expect(freshness.seconds(60 * SECOND, false)).toBe(5);
});

test("a relay that falls silent leaves a follower not knowing", () => {
  const freshness = caughtUp(0);
  for (let now = 0; now <= 40 * SECOND; now += 2 * SECOND) freshness.measured(0, now);
  expect(freshness.seconds(40 * SECOND, true)).toBe(40);
});

test("a position that waited in the queue says no more than that the queue was passed", () => {
  const freshness = caughtUp(0);
  freshness.measured(3, 100 * SECOND);
  freshness.took(3, [9n], 9n);
  expect(freshness.seconds(100 * SECOND, true)).toBe(100);
  freshness.took(1, [9n], 9n);
  expect(freshness.seconds(130 * SECOND, true)).toBe(30);
});

test("a head that is not there yet counts from its position once everything up to it is there", () => {
  const freshness = caughtUp(0);
  freshness.measured(0, 50 * SECOND);
  freshness.took(1, [9n], 7n);
  freshness.measured(0, 60 * SECOND);
  freshness.took(1, [12n], 8n);
  expect(freshness.seconds(70 * SECOND, true)).toBe(70);
  freshness.took(1, [], 9n);
  expect(freshness.seconds(70 * SECOND, true)).toBe(20);
});

test("under a load that never lets the queue run empty a node that keeps up is not behind", () => {
  const freshness = caughtUp(0);
  for (let second = 2; second <= 60; second += 1) {
    const sequence = BigInt(second * 100);
    if (second % 2 === 0) freshness.measured(30, second * SECOND);
    freshness.took(100, second % 5 === 0 ? [sequence + 30n] : [], sequence);
    expect(freshness.seconds(second * SECOND, true)).toBe(0);
  }
});

test("a queue that is not passed before it is measured again counts from when it was measured first", () => {
  const freshness = caughtUp(0);
  freshness.measured(5, 10 * SECOND);
  freshness.took(2, [], 7n);
  freshness.measured(5, 12 * SECOND);
  freshness.took(3, [], 9n);
  freshness.took(1, [9n], 9n);
  expect(freshness.seconds(40 * SECOND, true)).toBe(30);
});

test("messages that vanish from a measured queue do not hide that it is empty", () => {
  const freshness = caughtUp(0);
  freshness.measured(2, 10 * SECOND);
  freshness.measured(0, 12 * SECOND);
  freshness.took(2, [], 9n);
  freshness.took(1, [9n], 9n);
  expect(freshness.seconds(32 * SECOND, true)).toBe(20);
});

test("what was measured of a queue means nothing for the next consumer", () => {
  const freshness = caughtUp(0);
  freshness.measured(3, 40 * SECOND);
  freshness.restarted();
  freshness.took(3, [], 9n);
  freshness.took(1, [9n], 9n);
  expect(freshness.seconds(60 * SECOND, true)).toBe(60);
});

test("whatever the load and however late messages come, a node never claims to have more than it has", () => {
  const step = fc.record({
    given: fc.nat(3),
    position: fc.boolean(),
    measure: fc.boolean(),
    taken: fc.nat(4),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const freshness = new Freshness(0);
      const queue: { readonly head: bigint | null; readonly sequence: bigint }[] = [];
      // The number that OSS had given, by the second in which it had.
      const given: bigint[] = [0n];
      let sequence = 0n;
      steps.forEach((each, index) => {
        const now = index + 1;
        let last = given[index] ?? 0n;
        for (let count = 0; count < each.given; count += 1) {
          last += 1n;
          queue.push({ head: null, sequence: last });
        }
        given.push(last);
        if (each.position) queue.push({ head: last, sequence: last });
        if (each.measure) freshness.measured(queue.length, now * SECOND);
        const taken = queue.splice(0, each.taken);
        sequence = taken.at(-1)?.sequence ?? sequence;
        const heads = taken.flatMap(({ head }) => (head === null ? [] : [head]));
        freshness.took(taken.length, heads, sequence);
        const since = now - freshness.seconds(now * SECOND, false);
        expect(sequence).toBeGreaterThanOrEqual(given[since] ?? 0n);
      });
    }),
    { numRuns: 1_000 },
  );
});
