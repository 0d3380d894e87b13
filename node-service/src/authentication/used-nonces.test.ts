import { expect, test } from "@jest/globals";
import { UsedNonces } from "./used-nonces.ts";

const at = (milliseconds: number): Date => new Date(Date.UTC(2026, 0) + milliseconds);

test("a nonce counts once as long as it may be valid", () => {
  const used = new UsedNonces(1_000);
  expect(used.use("a", at(0))).toBe(true);
  expect(used.use("b", at(999))).toBe(true);
  for (const time of [999, 1_000, 1_500, 1_998]) {
    expect(used.use("b", at(time))).toBe(false);
  }
});

test("what is not valid any more is forgotten, also after a long silence", () => {
  const used = new UsedNonces(1_000);
  for (let index = 0; index < 100; index += 1) used.use(`${index}`, at(0));
  used.use("a", at(1_000));
  used.use("b", at(2_000));
  expect(used.size).toBe(2);
  used.use("c", at(100_000));
  expect(used.size).toBe(1);
});

test("it does not grow beyond its limit, and forgets the oldest then", () => {
  const used = new UsedNonces(1_000, 100);
  for (let index = 0; index < 1_000; index += 1) expect(used.use(`${index}`, at(index / 1_000))).toBe(true);
  expect(used.size).toBeLessThanOrEqual(100);
  expect(used.use("999", at(1))).toBe(false);
});
