import { expect, test } from "@jest/globals";
import { memoryLimits } from "./settings.ts";

const MIB = 2 ** 20;
const mib = (env: Record<string, string>, heapMib: number): number => {
  const { readModel, tokens } = memoryLimits(env, heapMib * MIB);
  return (readModel + tokens) / MIB;
};

test("without a setting it takes half of the heap, within bounds", () => {
  expect([20, 256, 4_096].map((heap) => mib({}, heap))).toEqual([16, 128, 552]);
});

test("a setting counts whatever the heap is, and one that is too small is refused", () => {
  expect(mib({ READ_MODEL_MIB: "2000" }, 256)).toBe(2_000);
  expect(() => mib({ READ_MODEL_MIB: "1" }, 256)).toThrow("set READ_MODEL_MIB to a whole number between 16 and 65536");
});
