import { setTimeout as sleep } from "node:timers/promises";
import { Wake } from "@aaa-cluster/service-kit";
import { ForeignWriteError, type Watermark } from "./storage.ts";
import { isBefore, type Place } from "./watermark.ts";

/** Commits of this time are flushed together. */
const FLUSH_EVERY_MS = 10;

interface Committed {
  readonly place: Place;
  readonly onDurable: () => void;
}

/**
 * Flushes what was committed. A commit can be seen before it is on disk, so that no reader waits for the disk, but
 * nothing is acknowledged or promised before it is there: what a crash of the database takes back comes again.
 */
export class Durability {
  readonly #flush: () => Promise<Watermark>;
  readonly #reached: (durable: Watermark) => void;
  readonly #wake = new Wake();
  #committed: Committed[] = [];

  /**
   * @param flush makes durable what was committed before, and returns how far the database is
   * @param reached is told how far the database is on disk
   */
  constructor(flush: () => Promise<Watermark>, reached: (durable: Watermark) => void) {
    this.#flush = flush;
    this.#reached = reached;
  }

  /** Everything up to a place was committed. `onDurable` is called when it is on disk. */
  committed(place: Place, onDurable: () => void): void {
    this.#committed.push({ place, onDurable });
    this.#wake.ring();
  }

  /** Flushes until the signal aborts. Throws ForeignWriteError when the database has lost a commit. */
  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      while (this.#committed.length === 0) await this.#wake.wait(signal);
      const waiting = this.#committed;
      this.#committed = [];
      const durable = await this.#flush();
      signal.throwIfAborted();
      if (waiting.some(({ place }) => isBefore(durable.place, place))) throw new ForeignWriteError();
      this.#reached(durable);
      for (const { onDurable } of waiting) onDurable();
      await sleep(FLUSH_EVERY_MS, undefined, { signal });
    }
  }
}
