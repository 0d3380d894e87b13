/**
 * How long the current turn of the event loop has taken requests. All that were ready when it began are taken one after the
 * other in the same turn, so a request that is taken now has waited at least so long.
 */
export class Turn {
  readonly #now: () => number;
  readonly #atEnd: (ended: () => void) => void;
  #beganAt: number | null = null;

  /**
   * @param now milliseconds of a monotonic clock
   * @param atEnd calls back once, when everything that is ready now was taken
   */
  constructor(now: () => number = () => performance.now(), atEnd: (ended: () => void) => void = setImmediate) {
    this.#now = now;
    this.#atEnd = atEnd;
  }

  /** Milliseconds since the first request of the turn was taken; 0 for that itself. */
  take(): number {
    if (this.#beganAt !== null) return this.#now() - this.#beganAt;
    this.#beganAt = this.#now();
    this.#atEnd(() => {
      this.#beganAt = null;
    });
    return 0;
  }
}
