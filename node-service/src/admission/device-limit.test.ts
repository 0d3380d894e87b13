import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { boxOf, DeviceLimit } from "./device-limit.ts";

const [A, B] = [1, 2];
/** As many as may be remembered of those that have their places together. */
const SET = 4;

test("a box may send what it saved up at once, then one request at a time", () => {
  const limit = new DeviceLimit(10);
  const taken = Array.from({ length: 60 }, () => limit.take(A, 0)).filter((wait) => wait === 0);
  expect(taken).toHaveLength(50);
  expect(limit.take(A, 0)).toBe(100);
  expect(limit.take(A, 99)).toBe(1);
  expect(limit.take(A, 100)).toBe(0);
  expect(limit.take(A, 100)).toBe(100);
});

test("a box that was refused waits no longer for it, and no other box waits", () => {
  const limit = new DeviceLimit(10);
  for (let turn = 0; turn < 1_000; turn += 1) limit.take(A, 0);
  expect(limit.take(A, 0)).toBe(100);
  expect(limit.take(B, 0)).toBe(0);
});

test("in any time a box gets no more than its burst and its rate, and one that keeps to the rate is never refused", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(500), { maxLength: 300 }), (pauses) => {
      const limit = new DeviceLimit(10);
      let now = 0;
      let taken = 0;
      for (const pause of pauses) {
        now += pause;
        const wait = limit.take(A, now);
        if (wait === 0) taken += 1;
        if (pause >= 100) expect(wait).toBe(0);
      }
      expect(taken).toBeLessThanOrEqual(50 + now / 100 + 1);
    }),
  );
});

test("however many boxes ask, one that goes on asking is not forgotten, and each of them is counted by itself", () => {
  const limit = new DeviceLimit(1, SET);
  for (let turn = 0; turn < 5; turn += 1) limit.take(A, 0);
  for (let box = 2; box < 100; box += 1) {
    expect(limit.take(box, 0)).toBe(0);
    expect(limit.take(A, 0)).toBeGreaterThan(0);
  }
});

test("as long as there is room a box is remembered until its bucket is full again", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ box: fc.nat(SET - 1), pause: fc.nat(3_000) }), { maxLength: 100 }), (requests) => {
      const together = new DeviceLimit(1, SET);
      const alone = Array.from({ length: SET }, () => new DeviceLimit(1, SET));
      let now = 0;
      for (const { box, pause } of requests) {
        now += pause;
        expect(together.take(box, now)).toBe(alone[box]?.take(box, now));
      }
    }),
  );
});

test("0 is no limit", () => {
  const limit = new DeviceLimit(0);
  for (let turn = 0; turn < 1_000; turn += 1) expect(limit.take(A, 0)).toBe(0);
});

test("a box is known by the name that it claims, or by the signature of its token", () => {
  const tokenOf = (signature: string): string => `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.${signature}`;
  const token = tokenOf(`${"x".repeat(30)}abcdefghijklM`);
  const box = boxOf({ accessToken: token, service: "a" });
  expect(boxOf({ accessToken: token, service: "b" })).toBe(box);
  expect(boxOf({ refreshToken: token })).toBe(box);
  // The last character has two bits that say nothing.
  expect(boxOf({ accessToken: tokenOf(`${"x".repeat(30)}abcdefghijklN`) })).toBe(box);
  expect(boxOf({ accessToken: tokenOf(`${"x".repeat(30)}abcdefghijkMM`) })).not.toBe(box);
  expect(boxOf({ deviceId: "abcdefghijkl", clientFirst: "n,,n=a,r=b" })).not.toBe(box);
  for (const nobody of [null, undefined, "text", {}, { accessToken: 7 }]) expect(boxOf(nobody)).toBeNull();
});

test("hardly ever two boxes have the same key, or many their places together", () => {
  const boxes = Array.from({ length: 300_000 }, (_, index) => boxOf({ deviceId: `box-${index}` }) as number);
  expect(new Set(boxes).size).toBe(boxes.length);
  expect(boxes.every(Number.isSafeInteger)).toBe(true);
  const together = new Map<number, number>();
  for (const box of boxes.slice(0, 60_000)) together.set(box % 2 ** 14, (together.get(box % 2 ** 14) ?? 0) + 1);
  expect(Math.max(...together.values())).toBeLessThan(20);
});
