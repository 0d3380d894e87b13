import { expect, test } from "@jest/globals";
import { awaitChange, Conflict, Forbidden, Foreign, Throttled, Unreachable } from "../kube/index.ts";
import { errorPolicy } from "./error-policy.ts";
import { InvalidSpec } from "./validate.ts";

const LONG_AFTER = 30;
const waitMs = (error: unknown, failures = LONG_AFTER): number => {
  const action = errorPolicy(error, failures);
  if (!("requeueAfterMs" in action)) throw new Error("it awaits a change");
  return action.requeueAfterMs;
};
const all = (...errors: Error[]): AggregateError => new AggregateError(errors);
const foreign = new Foreign("Service aaa/tv-broker exists");
const terminating = new Forbidden(403, "Forbidden", "namespace aaa is being terminated");

test("what cannot be read or written is tried again ever more seldom", () => {
  expect(waitMs(new Unreachable("refused"), 1)).toBeLessThanOrEqual(500);
  expect(waitMs(new Unreachable("refused"))).toBeGreaterThanOrEqual(30_000);
});

test("a child that cannot be made keeps nobody from looking at all others within seconds", () => {
  expect(waitMs(all(foreign))).toBeLessThanOrEqual(10_000);
  expect(waitMs(all(foreign, terminating))).toBeLessThanOrEqual(10_000);
});

test("a server that says when to come back is believed", () => {
  expect(waitMs(all(foreign, new Throttled(429, "TooManyRequests", "", 25_000)))).toBe(25_000);
});

test("an object that was replaced meanwhile is looked at again at once, however often that was", () => {
  expect(waitMs(new Conflict(409, "Conflict", ""))).toBeLessThanOrEqual(200);
});

test("a spec that cannot be built, and a namespace that goes, are left until something changes", () => {
  expect(errorPolicy(new InvalidSpec("spec.nodes"), 1)).toBe(awaitChange);
  expect(errorPolicy(all(terminating), 1)).toBe(awaitChange);
});
