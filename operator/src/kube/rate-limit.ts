/** `burst` at once, `perSecond` in the long run. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** A token bucket. Whoever asks is told how long to wait for its turn, or whether there is one now. */
export class TokenBucket {
  readonly #tokenMs: number;
  readonly #burst: number;
  readonly #now: () => number;
  /** When the bucket would be full if nobody took from it any more, in ms. */
  #fullAt = Number.NEGATIVE_INFINITY;

  /** @param now monotonic clock, in ms */
  constructor({ perSecond, burst }: Rate, now = () => performance.now()) {
    this.#tokenMs = 1000 / perSecond;
    this.#burst = burst;
    this.#now = now;
  }

  /** Takes the next turn. Returns how far off it is, in ms. */
  reserve(): number {
    const now = this.#now();
    this.#fullAt = Math.max(this.#fullAt, now) + this.#tokenMs;
    return Math.max(0, this.#fullAt - now - this.#burst * this.#tokenMs);
  }

  /** Takes a turn if there is one now. Returns whether there was. */
  take(): boolean {
    const now = this.#now();
    const isFree = Math.max(this.#fullAt, now) + this.#tokenMs <= now + this.#burst * this.#tokenMs;
    if (isFree) this.reserve();
    return isFree;
  }
}
