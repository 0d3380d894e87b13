// A position comes every 5 s and the queue is measured every 2 s, so what a node knows of itself is never older than that
// while it has everything.
const KNOWN_EVERY_MS = 10_000;

/**
 * Up to which moment this node is known to have had every change. A position tells the last number OSS had given when
 * it was sent, and how long it waited in the queue is bounded by when the queue was measured: one that comes after all
 * that was in the queue at some moment was sent after that moment. All times are this process's own, in ms: clocks of
 * other machines are not asked.
 */
export class Freshness {
  #caughtUpAt: number;
  #hasCaughtUp = false;
  #taken = 0;
  /** All that was in the queue at this moment has been taken. */
  #drainedAt: number | null = null;
  /** The oldest measurement that is still waited for: its moment, and at how many taken its messages are all taken. */
  #measured: { readonly at: number; readonly until: number } | null = null;
  /** The oldest position whose head is still waited for, and the moment after which it was sent. */
  #told: { readonly after: number; readonly head: bigint } | null = null;

  /** @param now from when a node counts that has not caught up yet */
  constructor(now: number) {
    this.#caughtUpAt = now;
  }

  /** Whether the node has caught up since it started. */
  get hasCaughtUp(): boolean {
    return this.#hasCaughtUp;
  }

  /** The queue held so many messages at `now` that were not taken. */
  measured(waiting: number, now: number): void {
    if (waiting > 0) {
      this.#measured ??= { at: now, until: this.#taken + waiting };
      return;
    }
    this.#drainedAt = now;
    this.#measured = null;
  }

  /**
   * The next messages of the queue were taken; now the database has everything up to `sequence`.
   * @param heads those of the positions among them that came for the first time
   */
  took(count: number, heads: readonly bigint[], sequence: bigint): void {
    for (const head of heads) this.#hear(head, sequence);
    if (this.#told !== null && this.#told.head <= sequence) this.#caughtUp(this.#told.after);
    this.#taken += count;
    if (this.#measured === null || this.#taken < this.#measured.until) return;
    this.#drainedAt = this.#measured.at;
    this.#measured = null;
  }

  /** The queue is another one, or is read from its beginning again. */
  restarted(): void {
    this.#measured = null;
  }

  /** A snapshot that was asked for at this moment is in. */
  replaced(askedAt: number): void {
    this.#caughtUp(askedAt);
  }

  /** Seconds since the node was last known to have everything; 0 while it has, as far as a follower can know. */
  seconds(now: number, follows: boolean): number {
    const age = now - this.#caughtUpAt;
    return follows && age <= KNOWN_EVERY_MS ? 0 : Math.floor(age / 1000);
  }

  #hear(head: bigint, sequence: bigint): void {
    if (this.#drainedAt === null) return;
    if (head <= sequence) this.#caughtUp(this.#drainedAt);
    else this.#told ??= { after: this.#drainedAt, head };
  }

  #caughtUp(at: number): void {
    this.#hasCaughtUp = true;
    this.#caughtUpAt = Math.max(this.#caughtUpAt, at);
    this.#told = null;
  }
}
