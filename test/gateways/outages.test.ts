import { expect, test } from "@jest/globals";
import { outageMs } from "./outages.ts";

/** Questions every 100 ms: `+` was answered, `-` was not. */
const asked = (outcomes: string) =>
  [...outcomes].map((outcome, index) => ({ at: index * 100, answered: outcome === "+" }));
const SECOND = "++++++++++";

test.each([
  ["without any question that failed there is none", "+++", 0],
  ["one lasts until the next answer", "++---++", 300],
  ["a single answer does not end one", "+--+--+++", 500],
  ["one after a second of answers is another one, and the time between is not counted", `+--${SECOND}-${SECOND}`, 300],
  ["a second of answers without a second failure is its end", `-${SECOND}${SECOND}`, 100],
  ["one that is not over is endless", "++--", Number.POSITIVE_INFINITY],
  ["one that begins after another one and is not over is endless", `-${SECOND}--`, Number.POSITIVE_INFINITY],
])("of outages: %s", (_, outcomes, expected) => {
  expect(outageMs(asked(outcomes))).toBe(expected);
});
