/** What a sieve keeps, with its mark on itself, so that a hit touches no other memory. */
export interface Kept {
  /** `used` since the hand came by last, or not; what is `gone` was taken out and may not be right any more. */
  mark: "kept" | "used" | "gone";
}

/** Whether a value is in its sieve still, and then as if it had been asked for. */
export function isKept(value: Kept): boolean {
  if (value.mark === "gone") return false;
  use(value);
  return true;
}

function use(value: Kept): void {
  // Only read, its memory need not be written back from a cache.
  if (value.mark !== "used") value.mark = "used";
}

/**
 * A map whose values weigh no more than a limit, once `makeRoom` has run. What is not asked for goes first, by SIEVE (Zhang
 * et al., NSDI 2024): a hand goes round from the oldest entry to the newest, spares what was used since it came by
 * last, and takes the rest. A hit costs a mark, and keys that are asked for once do not drive out those in use.
 */
export class Sieve<V extends Kept, K extends string | number = string> {
  readonly #limit: number;
  readonly #weigh: (value: V) => number;
  readonly #onRemoved: (value: V) => void;
  readonly #values = new Map<K, V>();
  // Made when it is needed: one that stands still would hold every smaller table that the map has outgrown.
  #hand: MapIterator<[K, V]> | null = null;
  #weight = 0;

  /**
   * @param limit in whatever unit the weights are
   * @param weigh always the same for a value
   */
  constructor(limit: number, weigh: (value: V) => number, onRemoved: (value: V) => void = () => {}) {
    this.#limit = limit;
    this.#weigh = weigh;
    this.#onRemoved = onRemoved;
  }

  get size(): number {
    return this.#values.size;
  }

  get weight(): number {
    return this.#weight;
  }

  get(key: K): V | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) use(value);
    return value;
  }

  /** Takes a value that was in no sieve before. */
  set(key: K, value: V): void {
    this.delete(key);
    this.#values.set(key, value);
    this.#weight += this.#weigh(value);
  }

  delete(key: K): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#weight -= this.#weigh(value);
    value.mark = "gone";
    this.#onRemoved(value);
  }

  clear(): void {
    for (const key of this.#values.keys()) this.delete(key);
    this.#hand = null;
  }

  /** Takes values away until they are within the limit. What is set afterwards stays until it is called again. */
  makeRoom(): void {
    while (this.#weight > this.#limit) {
      this.#hand ??= this.#values.entries();
      const { done, value: entry } = this.#hand.next();
      if (done) this.#hand = null;
      else this.#pass(...entry);
    }
  }

  #pass(key: K, value: V): void {
    if (value.mark === "used") value.mark = "kept";
    else this.delete(key);
  }
}
