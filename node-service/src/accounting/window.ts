/** The records that are under way: published and not confirmed yet, or confirmed and not marked as delivered yet. */
export class DeliveryWindow {
  readonly #sentAt = new Map<string, number>();
  readonly #returned = new Set<string>();
  #delivered: string[] = [];

  get size(): number {
    return this.#sentAt.size + this.#delivered.length;
  }

  get underWay(): string[] {
    return [...this.#sentAt.keys(), ...this.#delivered];
  }

  /** When the oldest unconfirmed record was sent, or null when all are confirmed. */
  get oldestSentAt(): number | null {
    const [oldest] = this.#sentAt.values();
    return oldest ?? null;
  }

  /** Confirmed and not marked yet. */
  get delivered(): readonly string[] {
    return this.#delivered;
  }

  sent(recordId: string, now: number): void {
    this.#sentAt.set(recordId, now);
  }

  /** The broker had no queue for the record. It says so before it confirms. */
  returned(recordId: string): void {
    this.#returned.add(recordId);
  }

  /**
   * The broker has answered for a record, and confirmed it or not.
   * @returns how long that took, in the unit of the clock given to `sent`, or null when the record must be sent again
   */
  answered(recordId: string, isConfirmed: boolean, now: number): number | null {
    const sentAt = this.#sentAt.get(recordId) ?? now;
    this.#sentAt.delete(recordId);
    const wasReturned = this.#returned.delete(recordId);
    if (!isConfirmed || wasReturned) return null;
    this.#delivered.push(recordId);
    return now - sentAt;
  }

  /** These are marked: nobody will read them as undelivered. */
  marked(count: number): void {
    this.#delivered = this.#delivered.slice(count);
  }
}
