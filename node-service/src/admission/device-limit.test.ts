import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { boxOf, DeviceLimit } from "./device-limit.ts";

test("a box may send what it saved up at once, then one request at a time", () => {
  const limit = new DeviceLimit(10);
  const taken = Array.from({ length: 60 }, () => limit.take("a", 0)).filter((wait) => wait === 0);
  expect(taken).toHaveLength(50);
  expect(limit.take("a", 0)).toBe(100);
  expect(limit.take("a", 99)).toBe(1);
  expect(limit.take("a", 100)).toBe(0);
  expect(limit.take("a", 100)).toBe(100);
});

test("a box that was refused waits no longer for it, and no other box waits", () => {
  const limit = new DeviceLimit(10);
  for (let turn = 0; turn < 1_000; turn += 1) limit.take("a", 0);
  expect(limit.take("a", 0)).toBe(100);
  expect(limit.take("b", 0)).toBe(0);
});

test("in any time a box gets no more than its burst and its rate, and one that keeps to the rate is never refused", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(500), { maxLength: 300 }), (pauses) => {
      const limit = new DeviceLimit(10);
      let now = 0;
      let taken = 0;
      for (const pause of pauses) {
        now += pause;
        const wait = limit.take("a", now);
        if (wait === 0) taken += 1;
        if (pause >= 100) expect(wait).toBe(0);
      }
      expect(taken).toBeLessThanOrEqual(50 + now / 100 + 1);
    }),
  );
});

test("no more boxes are remembered than that, and one that goes on asking is not forgotten", () => {
  const limit = new DeviceLimit(1, 4);
  for (let turn = 0; turn < 5; turn += 1) limit.take("busy", 0);
  for (const box of ["a", "b", "busy?", "c", "d"]) {
    limit.take(box, 0);
    expect(limit.take("busy", 0)).toBeGreaterThan(0);
    expect(limit.remembered).toBeLessThanOrEqual(4);
  }
});

test("a box is forgotten once its bucket is full again for sure", () => {
  const limit = new DeviceLimit(1);
  for (const now of [0, 5_001, 10_002, 15_003]) limit.take(`asks at ${now}`, now);
  expect(limit.remembered).toBe(2);
});

test("0 is no limit", () => {
  const limit = new DeviceLimit(0);
  for (let turn = 0; turn < 1_000; turn += 1) expect(limit.take("a", 0)).toBe(0);
  expect(limit.remembered).toBe(0);
});

test("a box is known by the name that it claims, or by the signature of its token", () => {
  const token = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.${"x".repeat(30)}abcdefghijklM`;
  expect(boxOf({ deviceId: "box-1", clientFirst: "n,,n=a,r=b" })).toBe("claims box-1");
  expect(boxOf({ accessToken: token, service: "a" })).toBe("abcdefghijkl");
  expect(boxOf({ refreshToken: token })).toBe("abcdefghijkl");
  for (const nobody of [null, undefined, "text", {}, { accessToken: 7 }]) expect(boxOf(nobody)).toBeNull();
});
