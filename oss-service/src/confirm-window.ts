interface Sent {
  readonly first: bigint;
  readonly at: number;
}

/** What has been published and not yet confirmed, in order of publication. */
export class ConfirmWindow {
  /** The messages by the last event of each. */
  readonly #sent = new Map<bigint, Sent>();
  #lastSent: bigint;

  /** @param confirmed everything up to here counts as published and confirmed */
  constructor(confirmed: bigint) {
    this.#lastSent = confirmed;
  }

  /** How many events are not confirmed, or wait for one before them that is not. */
  get size(): number {
    return Number(this.#lastSent - this.confirmed);
  }

  get lastSent(): bigint {
    return this.#lastSent;
  }

  /** Up to here everything is confirmed. */
  get confirmed(): bigint {
    const [oldest] = this.#sent.values();
    return oldest === undefined ? this.#lastSent : oldest.first - 1n;
  }

  /** When the oldest unconfirmed message was sent, or null when all are confirmed. */
  get oldestSentAt(): number | null {
    const [oldest] = this.#sent.values();
    return oldest?.at ?? null;
  }

  /** A message was sent with all events up to `last` that were not sent before. */
  sent(last: bigint, now: number): void {
    this.#sent.set(last, { first: this.#lastSent + 1n, at: now });
    this.#lastSent = last;
  }

  /** Confirms may come in any order. Returns how long this one took, in the unit of the clock given to `sent`. */
  confirm(last: bigint, now: number): number {
    const at = this.#sent.get(last)?.at ?? now;
    this.#sent.delete(last);
    return now - at;
  }
}
