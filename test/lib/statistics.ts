/**
 * The smallest value that at least the share `q` (0 to 1) of all values do not exceed; NaN when there are none.
 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(q * sorted.length) - 1, 0)] ?? Number.NaN;
}

/** The value in the middle; of an even number of values the lower of the two. NaN when there are none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** For every key of equal records the median of its values. */
export function medians<K extends string>(records: readonly Readonly<Record<K, number>>[]): Record<K, number> {
  const keys = Object.keys(records[0] ?? {}) as K[];
  const entries = keys.map((key) => [key, median(records.map((record) => record[key]))]);
  return Object.fromEntries(entries) as Record<K, number>;
}

/** A number with three significant digits, for people and for JSON; whole numbers stay whole. */
export function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
