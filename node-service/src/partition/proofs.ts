/** Longer than from one question of the operator to its next, so that it hears of every difference. */
const TOLD_FOR_MS = 30_000;

/**
 * Whether this node has the same content as OSS, as far as OSS has told its digest at places where the node was. Times are
 * in ms of the monotonic clock.
 */
export class Proofs {
  #isLastSame = true;
  #differedAt = Number.NEGATIVE_INFINITY;

  proved(isSame: boolean, now: number): void {
    this.#isLastSame = isSame;
    if (!isSame) this.#differedAt = now;
  }

  /** Whether the last proof found another content, or one did within the last 30 seconds. */
  differs(now: number): boolean {
    return !this.#isLastSame || now - this.#differedAt < TOLD_FOR_MS;
  }
}
