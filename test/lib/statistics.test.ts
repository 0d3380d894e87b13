import { expect, test } from "@jest/globals";
import { median, medians, quantile, rounded } from "./statistics.ts";

const oneTo = (n: number): number[] => Array.from({ length: n }, (_, index) => n - index);

test("a quantile is a value that was measured, and the share says how many do not exceed it", () => {
  expect(quantile(oneTo(100), 0.99)).toBe(99);
  expect(quantile(oneTo(100), 1)).toBe(100);
  expect(quantile(oneTo(100), 0)).toBe(1);
  expect(quantile(oneTo(4000), 0.99)).toBe(3960);
  expect(quantile([], 0.5)).toBeNaN();
});

test("values are ordered as numbers, and are not reordered for the caller", () => {
  const values = [10, 9, 100];
  expect(median(values)).toBe(10);
  expect(values).toEqual([10, 9, 100]);
});

test("the median of records is taken key by key", () => {
  const records = [
    { a: 1, b: 30 },
    { a: 3, b: 10 },
    { a: 2, b: 20 },
  ];
  expect(medians(records)).toEqual({ a: 2, b: 20 });
});

test("figures are rounded to three digits, and never to fewer than their whole part", () => {
  expect([1.23456, 0.012345, 99.96, 1234.5, 0].map(rounded)).toEqual([1.23, 0.0123, 100, 1235, 0]);
});
