import { expect, test } from "@jest/globals";
import { seeded } from "../replication/fuzz/random.ts";
import { RefusedError } from "./box.ts";
import { TimeoutError } from "./connection.ts";
import { mayHelpToRetry } from "./failure.ts";
import { retryDelayMs } from "./retry.ts";

const random = seeded(1);
const delays = (error: unknown, attempt: number): number[] =>
  Array.from({ length: 1000 }, () => retryDelayMs(error, attempt, random));

test("a box never comes back before Retry-After, and boxes that were told the same come back spread", () => {
  const told = delays(new RefusedError(503, "busy", 5), 1);
  expect(Math.min(...told)).toBeGreaterThanOrEqual(5_000);
  expect(Math.max(...told)).toBeLessThanOrEqual(10_000);
  expect(new Set(told.map((ms) => Math.floor(ms / 500))).size).toBeGreaterThanOrEqual(10);
});

test("without Retry-After the waits grow up to half a minute, and start anywhere", () => {
  const most = (attempt: number): number => Math.max(...delays(new TimeoutError("/", 1), attempt));
  expect(most(1)).toBeLessThanOrEqual(1_000);
  expect(most(4)).toBeGreaterThan(4_000);
  expect(most(100)).toBeLessThanOrEqual(30_000);
  expect(Math.min(...delays(new RefusedError(500, "broken"), 4))).toBeLessThan(500);
});

test.each([
  ["a refusal", new RefusedError(401, "no"), false],
  ["an overload", new RefusedError(503, "later", 1), true],
  ["too many requests", new RefusedError(429, "later", 1), true],
  ["a timeout", new TimeoutError("/", 1), true],
  ["a lost connection", Object.assign(new Error(), { code: "ECONNRESET" }), true],
  ["a wrong server signature", new Error("the cluster does not know this box's verifier"), false],
] as const)("%s is repeated as it should", (_name, error, expected) => {
  expect(mayHelpToRetry(error)).toBe(expected);
});
