/**
 * Gives equal texts as one, since whoever parses JSON gets a copy of each: a third of a cache's memory is names, labels
 * and uids that many objects have. What it knows it forgets when that is too much; then a text may be kept twice.
 */
export class TextPool {
  readonly #texts = new Map<string, string>();
  readonly #capacity: number;

  /** @param capacity how many texts to know */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#texts.size;
  }

  /** A text that is equal: the one that came first. */
  shared(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= this.#capacity) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }
}
