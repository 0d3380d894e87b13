/** Milliseconds since the epoch, with fractions: Date.now() is too coarse for latencies of a few milliseconds. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** A time of `now` as an object carries it in `data.sentAt`: whole nanoseconds, which JSON's numbers cannot hold. */
export function toSentAt(ms: number): string {
  return `${Math.round(ms * 1000)}000`;
}

/** The inverse of `toSentAt`. */
export function fromSentAt(sentAt: string): number {
  return Number(sentAt) / 1e6;
}
