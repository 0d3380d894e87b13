import type { Logger } from "pino";
import type { Backoff } from "../backoff.ts";
import { type Rate, TokenBucket } from "../rate-limit.ts";
import { RecentMap } from "../recent-map.ts";

/** What bounds the recorder's writes and memory. */
export interface EventLimits {
  /** An event that did not repeat for so long begins a new series. Default: 6 minutes. */
  readonly seriesMs: number;
  /** After its first repeat a series is written at most so often. Default: a minute. */
  readonly updateEveryMs: number;
  /** New Events about one object. Default: 25 at once, then one every 5 minutes. */
  readonly perObject: Rate;
  /** All writes. Default: 100 at once, then 5 a second. */
  readonly overall: Rate;
  /** How many events may wait to be sent. Default: 1000. */
  readonly waiting: number;
  /** How many events and objects it remembers at most. Default: 4096 of each. */
  readonly capacity: number;
  /** How often a write is tried at most, and how long to wait in between. Default: 6 times within about 20 seconds. */
  readonly attempts: number;
  readonly backoff: Backoff;
}

export const DEFAULT_LIMITS: EventLimits = {
  seriesMs: 360_000,
  updateEveryMs: 60_000,
  perObject: { burst: 25, perSecond: 1 / 300 },
  overall: { burst: 100, perSecond: 5 },
  waiting: 1000,
  capacity: 4096,
  attempts: 6,
  backoff: { firstMs: 1_000, longestMs: 15_000 },
};

/** Keeps an object that always has something to tell from flooding the API server, and all of them together too. */
export class EventLimiter {
  readonly #perObject: Rate;
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #objects: RecentMap<Gate>;
  readonly #overall: Gate;
  readonly #waiting: number;
  #dropped = 0;

  /** @param now monotonic clock, in ms */
  constructor({ perObject, overall, waiting, capacity }: EventLimits, now: () => number, log: Logger) {
    this.#perObject = perObject;
    this.#now = now;
    this.#log = log;
    this.#objects = new RecentMap(capacity);
    this.#overall = new Gate(overall, now);
    this.#waiting = waiting;
  }

  /** How many events were not let through. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Whether a new Event may be made. One that may not counts as dropped; the first of several is logged.
   * @param waiting how many are to be sent before it
   */
  admits(about: string, fields: Readonly<Record<string, unknown>>, waiting: number): boolean {
    if (waiting >= this.#waiting) {
      this.#dropped += 1;
      return false;
    }
    const gate = this.#objects.get(about) ?? new Gate(this.#perObject, this.#now);
    this.#objects.set(about, gate);
    const refusing = [gate, this.#overall].find((each) => !each.pass());
    if (refusing === undefined) return true;
    this.#dropped += 1;
    const whose = refusing === gate ? "about this object" : "in all";
    if (refusing.refused === 1) this.#log.warn(fields, `Too many events ${whose}: dropping some`);
    return false;
  }

  /** Whether an Event that exists may be written again now. */
  admitsUpdate(): boolean {
    return this.#overall.pass();
  }
}

/** A token bucket that counts whom it turned away. */
class Gate {
  readonly #bucket: TokenBucket;
  #refused = 0;

  constructor(rate: Rate, now: () => number) {
    this.#bucket = new TokenBucket(rate, now);
  }

  /** How many were refused since one was let through. */
  get refused(): number {
    return this.#refused;
  }

  pass(): boolean {
    const passes = this.#bucket.take();
    this.#refused = passes ? 0 : this.#refused + 1;
    return passes;
  }
}
