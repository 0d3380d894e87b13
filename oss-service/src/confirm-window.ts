/** What has been published and not yet confirmed, in order of publication. */
export class ConfirmWindow {
  readonly #sentAt = new Map<bigint, number>();
  #lastSent: bigint;

  /** @param confirmed everything up to here counts as published and confirmed */
  constructor(confirmed: bigint) {
    this.#lastSent = confirmed;
  }

  get size(): number {
    return this.#sentAt.size;
  }

  get lastSent(): bigint {
    return this.#lastSent;
  }

  /** Up to here everything is confirmed. */
  get confirmed(): bigint {
    const [oldest] = this.#sentAt.keys();
    return oldest === undefined ? this.#lastSent : oldest - 1n;
  }

  /** When the oldest unconfirmed event was sent, or null when all are confirmed. */
  get oldestSentAt(): number | null {
    const [oldest] = this.#sentAt.values();
    return oldest ?? null;
  }

  sent(sequence: bigint, now: number): void {
    this.#lastSent = sequence;
    this.#sentAt.set(sequence, now);
  }

  /** Confirms may come in any order. Returns how long this one took, in the unit of the clock given to `sent`. */
  confirm(sequence: bigint, now: number): number {
    const sentAt = this.#sentAt.get(sequence) ?? now;
    this.#sentAt.delete(sequence);
    return now - sentAt;
  }
}
