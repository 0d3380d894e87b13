import { expect, test } from "@jest/globals";
import { covers } from "./covers.ts";
import { parseQuantity } from "./quantity.ts";

test.each([
  ["defaults that the server adds", { a: 1, b: 2 }, { a: 1 }, true],
  ["a value that differs", { a: 2 }, { a: 1 }, false],
  ["a field that is missing", { b: 1 }, { a: 1 }, false],
  ["a field that we do not set", {}, { a: undefined }, true],
  ["an empty text and an empty list that the server does not store", {}, { a: "", b: [] }, true],
  ["an empty object that is missing", {}, { emptyDir: {} }, false],
  ["a key that somebody added to a selector", { selector: { a: "1", b: "1" } }, { selector: { a: "1" } }, false],
  ["a rule that somebody added to a policy", { ingress: [{ ports: [] }, {}] }, { ingress: [{ ports: [] }] }, false],
  [
    "a peer that somebody added to a rule",
    { egress: [{ to: [{ a: 1 }, { b: 1 }] }] },
    { egress: [{ to: [{ a: 1 }] }] },
    false,
  ],
  ["a rule where none is wanted", { egress: [{}] }, { egress: [] }, false],
  ["a selector that is as it shall be", { selector: { a: "1" } }, { selector: { a: "1" } }, true],
  ["no tolerations where none are wanted", {}, { tolerations: [] }, true],
  ["further named items", { l: [{ name: "x", v: 1 }, { name: "y" }] }, { l: [{ name: "y" }] }, true],
  ["a named item that differs", { l: [{ name: "x", v: 1 }] }, { l: [{ name: "x", v: 2 }] }, false],
  ["another order of plain values", { l: ["a", "b"] }, { l: ["b", "a"] }, false],
  ["a plain value too many", { l: ["a", "b"] }, { l: ["a"] }, false],
  ["quantities written in another way", { requests: { cpu: "1" } }, { requests: { cpu: "1000m" } }, true],
  ["quantities that differ", { requests: { cpu: "1" } }, { requests: { cpu: "1001m" } }, false],
  ["a text that only looks like a quantity", { data: { cpu: "1" } }, { data: { cpu: "1000m" } }, false],
])("%s", (_, live, desired, expected) => {
  expect(covers(live, desired)).toBe(expected);
});

test.each([
  ["250m", 0.25],
  ["2Gi", 2 * 2 ** 30],
  ["1.5k", 1500],
  [3, 3],
  ["1e3", 1000],
  ["lots", undefined],
  [undefined, undefined],
])("the quantity %s is %s", (text, value) => {
  expect(parseQuantity(text)).toBe(value);
});

test("a number is the same quantity in thousandths", () => {
  const differing = Array.from({ length: 2_000 }, (_, n) => n).filter(
    (n) => parseQuantity(`${n}m`) !== parseQuantity(String(n / 1000)),
  );
  expect(differing).toEqual([]);
});
