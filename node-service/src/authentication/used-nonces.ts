/**
 * The nonces of the proofs that this node has accepted, for as long as they would be valid, so that a proof counts once. In two
 * generations, as to forget one at a time would cost more than all else. Bounded: beyond `limit` within that time the oldest are
 * forgotten early, and could be used again.
 */
export class UsedNonces {
  readonly #lifetimeMs: number;
  readonly #limit: number;
  #recent = new Set<string>();
  #former = new Set<string>();
  #since = Number.NEGATIVE_INFINITY;

  constructor(lifetimeMs: number, limit = 250_000) {
    this.#lifetimeMs = lifetimeMs;
    this.#limit = limit;
  }

  /** Notes a nonce as used; false when it was noted before. */
  use(nonce: string, now: Date): boolean {
    this.#forget(now.getTime());
    if (this.#recent.has(nonce) || this.#former.has(nonce)) return false;
    this.#recent.add(nonce);
    return true;
  }

  get size(): number {
    return this.#recent.size + this.#former.size;
  }

  /** Forgets what need not be remembered any more. */
  #forget(now: number): void {
    const age = now - this.#since;
    if (age < this.#lifetimeMs && this.#recent.size < this.#limit / 2) return;
    this.#former = age >= 2 * this.#lifetimeMs ? new Set() : this.#recent;
    this.#recent = new Set();
    this.#since = now;
  }
}
