export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * How long to wait after a number of failures in a row: doubling from `firstMs` up to `longestMs`, of which a random
 * half is taken off, so that many who failed together do not come back together.
 */
export function backoffMs({ firstMs, longestMs }: Backoff, failures: number, random = Math.random): number {
  const whole = Math.min(longestMs, firstMs * 2 ** Math.min(Math.max(failures - 1, 0), 30));
  return whole * (0.5 + random() / 2);
}
