import { Generations } from "../generations.ts";

/**
 * The nonces of the proofs that this node has accepted, for as long as they would be valid, so that a proof counts once.
 * Bounded: beyond `limit` within that time the oldest are forgotten early, and could be used again.
 */
export class UsedNonces {
  readonly #used: Generations<true>;

  constructor(lifetimeMs: number, limit = 250_000) {
    this.#used = new Generations(lifetimeMs, limit);
  }

  /** Notes a nonce as used; false when it was noted before. */
  use(nonce: string, now: Date): boolean {
    this.#used.forget(now.getTime());
    if (this.#used.get(nonce) !== undefined) return false;
    this.#used.set(nonce, true);
    return true;
  }

  get size(): number {
    return this.#used.size;
  }
}
