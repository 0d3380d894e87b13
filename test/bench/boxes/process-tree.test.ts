import { expect, test } from "@jest/globals";
import { ticksOf } from "./process-tree.ts";

test("the times of a process are read whatever its name", () => {
  const stat = "7 (a b) c) S 1 7 7 0 -1 4194560 900 100 3 4 11 22 33 44 20 0 1 0 500 1000 200 18446744073709551615";
  expect(ticksOf(stat)).toBe(11 + 22 + 33 + 44);
  expect(ticksOf("")).toBe(0);
});
