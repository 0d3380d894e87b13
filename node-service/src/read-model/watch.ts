import type { ReceivedEvent } from "@aaa-cluster/contract";
import { Problem } from "@aaa-cluster/service-kit";
import { isSamePlace, type Place } from "../partition/watermark.ts";
import { type Changes, changesOf } from "./changes.ts";

// A commit is known a moment after it can be read, unless the node has lost its database or somebody else wrote to it.
const UNKNOWN_MS = 5_000;

interface Step {
  readonly place: Place;
  readonly events: readonly ReceivedEvent[];
}

/**
 * Looks on while something is read from the database, to tell afterwards what that is worth. It comes with the place it
 * is of. The node may have passed that place by now: then what changed since has to be read again. Or it has not heard
 * of that place yet, because the commit is on its way: then it is too early to answer from what was read.
 */
export class Watch {
  readonly #steps: Step[];
  #isReplaced = false;
  #moved = Promise.withResolvers<void>();

  constructor(place: Place) {
    this.#steps = [{ place, events: [] }];
  }

  /** The node is at the next place now. */
  committed(place: Place, events: readonly ReceivedEvent[]): void {
    this.#steps.push({ place, events });
    this.#move();
  }

  /** Everything may be different now. */
  replaced(): void {
    this.#isReplaced = true;
    this.#move();
  }

  /** Waits until the node is at a place, has passed it, or everything is replaced. Throws Problem 503 when it is not. */
  async until(place: Place): Promise<void> {
    const giveUp = (): void =>
      this.#moved.reject(new Problem(503, "database-away", "the database is not where this node left it; try again"));
    const timer = setTimeout(giveUp, UNKNOWN_MS);
    try {
      while (!this.#isReplaced && this.#stepAt(place) === -1) await this.#moved.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** What has changed since a place that the node was at while this looked on; null when that cannot be told. */
  changesSince(place: Place): Changes | null {
    const step = this.#stepAt(place);
    if (this.#isReplaced || step === -1) return null;
    return changesOf(this.#steps.slice(step + 1).flatMap(({ events }) => events));
  }

  #stepAt(place: Place): number {
    return this.#steps.findLastIndex((step) => isSamePlace(step.place, place));
  }

  #move(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }
}
