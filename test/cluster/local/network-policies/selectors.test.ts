import { describe, expect, test } from "@jest/globals";
import { selects } from "./selectors.ts";

const LABELS = { app: "oss", tier: "back" };

describe("a selector", () => {
  test("without conditions fits everything, labels or none", () => {
    expect(selects({}, LABELS)).toBe(true);
    expect(selects({}, undefined)).toBe(true);
  });

  test("needs every label it names", () => {
    expect(selects({ matchLabels: { app: "oss" } }, LABELS)).toBe(true);
    expect(selects({ matchLabels: { app: "oss", tier: "front" } }, LABELS)).toBe(false);
  });

  test.each([
    ["In", "app", ["oss", "aaa"], true],
    ["In", "app", ["aaa"], false],
    ["In", "absent", ["aaa"], false],
    ["NotIn", "app", ["oss"], false],
    ["NotIn", "app", ["aaa"], true],
    ["NotIn", "absent", ["aaa"], true],
    ["Exists", "app", undefined, true],
    ["Exists", "absent", undefined, false],
    ["DoesNotExist", "app", undefined, false],
    ["DoesNotExist", "absent", undefined, true],
  ])("with the operator %s on %s %p: %p", (operator, key, values, expected) => {
    const expression = { key, operator, ...(values === undefined ? {} : { values }) };
    expect(selects({ matchExpressions: [expression] }, LABELS)).toBe(expected);
  });
});
