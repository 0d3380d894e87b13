import type pg from "pg";
import type { ConfirmWindow } from "./confirm-window.ts";
import { pruneKeys } from "./idempotency-sql.ts";
import { type Epoch, pruneOutbox, recordPublished } from "./relay-sql.ts";

/** What was published in this time is published again by the next relay, and dropped by the nodes. */
export const RECORD_EVERY_MS = 100;
/** Also when confirms never cease to be waited for. */
const RECORD_EVERY = 2_048n;
const PRUNE_EVERY_MS = 5_000;

/**
 * What a relay notes in its term beside its work, one thing at a time: up to where everything is confirmed, and what
 * nobody needs any more. Publishing waits for none of it, and if a crash of the database takes a note back, no more is lost
 * than when the relay had not come to it.
 */
export class RelayNotes {
  readonly #pool: pg.Pool;
  readonly #epoch: bigint;
  readonly #onFailure: (error: Error) => void;
  #recorded: bigint;
  #recordedAt = 0;
  #prunedAt = 0;
  #isBusy = false;

  /**
   * @param pool need not wait for its flushes
   * @param onFailure is told why something was not noted, for example FencedError
   */
  constructor(pool: pg.Pool, { epoch, published }: Epoch, onFailure: (error: Error) => void) {
    this.#pool = pool;
    this.#epoch = epoch;
    this.#recorded = published;
    this.#onFailure = onFailure;
  }

  /** Whether something is confirmed and not noted. */
  isBehind({ confirmed }: ConfirmWindow): boolean {
    return confirmed > this.#recorded;
  }

  /** Begins what is due. `now` is in ms. */
  take(window: ConfirmWindow, now: number): void {
    if (this.#isBusy) return;
    if (this.#isRecordDue(window, now)) this.#begin(() => this.#record(window.confirmed, now));
    else if (now - this.#prunedAt >= PRUNE_EVERY_MS) this.#begin(() => this.#prune(now));
  }

  #isRecordDue({ confirmed, size }: ConfirmWindow, now: number): boolean {
    const news = confirmed - this.#recorded;
    return news >= RECORD_EVERY || (news > 0n && size === 0 && now - this.#recordedAt >= RECORD_EVERY_MS);
  }

  async #record(confirmed: bigint, now: number): Promise<void> {
    await recordPublished(this.#pool, this.#epoch, confirmed);
    this.#recorded = confirmed;
    this.#recordedAt = now;
  }

  async #prune(now: number): Promise<void> {
    await pruneKeys(this.#pool);
    await pruneOutbox(this.#pool, this.#epoch);
    this.#prunedAt = now;
  }

  #begin(work: () => Promise<void>): void {
    this.#isBusy = true;
    work()
      .catch(this.#onFailure)
      .finally(() => {
        this.#isBusy = false;
      });
  }
}
