import { expect, test } from "@jest/globals";
import { TextPool } from "./text-pool.ts";

test("equal texts are known once", () => {
  const pool = new TextPool(10);
  const texts = JSON.parse('["AaaCluster", "AaaCluster", "Secret"]') as string[];
  expect(texts.map((text) => pool.shared(text))).toEqual(texts);
  expect(pool.size).toBe(2);
});

test("a pool never knows more texts than it may, and takes new ones all the same", () => {
  const pool = new TextPool(2);
  const sizes = ["a", "b", "c", "d", "e"].map((text) => [pool.shared(text), pool.size]);
  expect(sizes).toEqual([
    ["a", 1],
    ["b", 2],
    ["c", 1],
    ["d", 2],
    ["e", 1],
  ]);
});
