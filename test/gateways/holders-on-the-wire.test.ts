import { expect, test } from "@jest/globals";
import { heldTwiceMs, type Sighting } from "./holders-on-the-wire.ts";

/** Answers of one holder every 10 ms. */
const answers = (mac: string, from: number, to: number): Sighting[] =>
  Array.from({ length: (to - from) / 10 + 1 }, (_, index) => ({ at: from + 10 * index, mac }));

test("an address that goes from one holder to the next was never held twice", () => {
  expect(heldTwiceMs([...answers("a", 0, 500), ...answers("b", 900, 2_000)])).toBe(0);
  expect(heldTwiceMs([])).toBe(0);
});

test("the time counts in which two answer, by turns too", () => {
  const one = answers("a", 0, 1_000);
  expect(heldTwiceMs([...one, ...answers("b", 700, 2_000)])).toBe(300);
  expect(heldTwiceMs([...answers("b", 200, 300), ...one, ...answers("b", 800, 900)])).toBe(200);
});

test("three holders are counted once", () => {
  expect(heldTwiceMs([...answers("a", 0, 1_000), ...answers("b", 0, 1_000), ...answers("c", 500, 600)])).toBe(1_000);
});

test("who was silent for long did not hold the address meanwhile", () => {
  expect(heldTwiceMs([...answers("a", 0, 100), ...answers("b", 110, 1_000), ...answers("a", 1_500, 1_600)])).toBe(0);
});
