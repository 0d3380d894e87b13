import { expect, test } from "@jest/globals";
import { TokenBucket } from "./rate-limit.ts";

const RATE = { burst: 3, perSecond: 10 };

test("a burst has its turn at once, and everybody after that a token's time later than the one before", () => {
  const bucket = new TokenBucket(RATE, () => 0);
  expect([1, 2, 3, 4, 5].map(() => bucket.reserve())).toEqual([0, 0, 0, 100, 200]);
});

test("who takes only what is there leaves the turns of the others alone", () => {
  let now = 0;
  const bucket = new TokenBucket(RATE, () => now);
  expect([1, 2, 3, 4, 5].map(() => bucket.take())).toEqual([true, true, true, false, false]);
  now = 100;
  expect([1, 2].map(() => bucket.take())).toEqual([true, false]);
});

test("however long nobody came, the burst is no bigger", () => {
  let now = 0;
  const bucket = new TokenBucket(RATE, () => now);
  bucket.reserve();
  now = 3_600_000;
  expect([1, 2, 3, 4].map(() => bucket.take())).toEqual([true, true, true, false]);
});
