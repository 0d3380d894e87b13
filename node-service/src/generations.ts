/**
 * Values by key, remembered for at least a lifetime after each was set last, unless there are very many: beyond `limit` of them the
 * oldest are forgotten early. In two generations, as to forget one at a time would cost more than all else.
 */
export class Generations<V> {
  readonly #lifetimeMs: number;
  readonly #limit: number;
  #recent = new Map<string, V>();
  #former = new Map<string, V>();
  #since = Number.NEGATIVE_INFINITY;

  constructor(lifetimeMs: number, limit: number) {
    this.#lifetimeMs = lifetimeMs;
    this.#limit = limit;
  }

  get size(): number {
    return this.#recent.size + this.#former.size;
  }

  /** Forgets what need not be remembered any more. @param now ms, by whatever clock, but always the same */
  forget(now: number): void {
    const age = now - this.#since;
    if (age < this.#lifetimeMs && this.#recent.size < this.#limit / 2) return;
    this.#former = age >= 2 * this.#lifetimeMs ? new Map() : this.#recent;
    this.#recent = new Map();
    this.#since = now;
  }

  get(key: string): V | undefined {
    return this.#recent.get(key) ?? this.#former.get(key);
  }

  set(key: string, value: V): void {
    this.#recent.set(key, value);
  }
}
