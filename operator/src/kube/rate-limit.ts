/**
 * A token bucket: lets `burst` through at once and `perSecond` in the long run. It hands out turns that lie ahead, so
 * nobody is refused, only told how long to wait.
 */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  /** When the bucket would be full if nobody took from it any more, in ms. */
  #fullAt = Number.NEGATIVE_INFINITY;

  /** @param now monotonic clock, in ms */
  constructor({ perSecond, burst }: { perSecond: number; burst: number }, now = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
  }

  /** Takes the next turn. Returns how far off it is, in ms. */
  reserve(): number {
    const tokenMs = 1000 / this.#perSecond;
    const now = this.#now();
    this.#fullAt = Math.max(this.#fullAt, now) + tokenMs;
    return Math.max(0, this.#fullAt - now - this.#burst * tokenMs);
  }
}
