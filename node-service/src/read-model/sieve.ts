interface Entry<V> {
  readonly value: V;
  readonly weight: number;
  used: boolean;
}

/**
 * A map whose entries weigh no more than a limit, once `makeRoom` has run. What is not asked for goes first, by SIEVE (Zhang
 * et al., NSDI 2024): a hand goes round from the oldest entry to the newest, spares what was used since it came by
 * last, and takes the rest. A hit costs a mark, and keys that are asked for once do not drive out those in use.
 */
export class Sieve<V> {
  readonly #limit: number;
  readonly #onRemoved: (value: V) => void;
  readonly #entries = new Map<string, Entry<V>>();
  // Made when it is needed: one that stands still would hold every smaller table that the map has outgrown.
  #hand: MapIterator<string> | null = null;
  #weight = 0;

  /** @param limit in whatever unit the weights are */
  constructor(limit: number, onRemoved: (value: V) => void = () => {}) {
    this.#limit = limit;
    this.#onRemoved = onRemoved;
  }

  get size(): number {
    return this.#entries.size;
  }

  get weight(): number {
    return this.#weight;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.used = true;
    return entry.value;
  }

  set(key: string, value: V, weight: number): void {
    this.delete(key);
    this.#entries.set(key, { value, weight, used: false });
    this.#weight += weight;
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
    this.#onRemoved(entry.value);
  }

  clear(): void {
    for (const key of this.#entries.keys()) this.delete(key);
    this.#hand = null;
  }

  /** Takes entries away until they are within the limit. What is set afterwards stays until it is called again. */
  makeRoom(): void {
    while (this.#weight > this.#limit) {
      this.#hand ??= this.#entries.keys();
      const { done, value: key } = this.#hand.next();
      if (done) this.#hand = null;
      else this.#pass(key);
    }
  }

  #pass(key: string): void {
    const entry = this.#entries.get(key);
    if (entry?.used) entry.used = false;
    else this.delete(key);
  }
}
