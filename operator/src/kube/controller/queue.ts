import { type Backoff, backoffMs } from "../backoff.ts";
import { type Rate, TokenBucket } from "../rate-limit.ts";

/** Keys of low priority wait until no other does: what is new only to us must not hold up what is new. */
export type Priority = "normal" | "low";

/** Told what the queue does, for metrics. Times are in ms. */
export interface QueueObserver {
  added(): void;
  depth(priority: Priority, waiting: number): void;
  started(waitedMs: number): void;
  finished(workedMs: number): void;
  /** A key was put off: a retry, or a second look that was asked for. */
  delayed(): void;
}

export interface QueueOptions {
  readonly observer?: QueueObserver;
  /** How long a key that failed waits, by its failures in a row. Default: 5 ms, doubling, at most 1000 s. */
  readonly backoff?: Backoff | undefined;
  /** What all retries together may do. Default: 10 a second, in bursts of 100. */
  readonly retryLimit?: Rate;
}

const BACKOFF: Backoff = { firstMs: 5, longestMs: 1_000_000 };
const RETRY_LIMIT: Rate = { perSecond: 10, burst: 100 };
const SILENT: QueueObserver = { added() {}, depth() {}, started() {}, finished() {}, delayed() {} };
/** The longest that a timer of Node can wait. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * A queue of keys. A key waits at most once, is worked on by one worker at a time, and is worked on again when it was
 * added meanwhile. Of several delayed adds of one key the earliest counts. It remembers nothing of a key that neither
 * waits, is worked on nor has failed.
 */
export class WorkQueue {
  readonly #waiting: Readonly<Record<Priority, Map<string, number>>> = { normal: new Map(), low: new Map() };
  readonly #working = new Map<string, number>();
  readonly #dirty = new Set<string>();
  readonly #delayed = new Map<string, { readonly dueAt: number; readonly timer: NodeJS.Timeout }>();
  readonly #failures = new Map<string, number>();
  readonly #idle: ((key: string | undefined) => void)[] = [];
  readonly #observer: QueueObserver;
  readonly #backoff: Backoff;
  readonly #retries: TokenBucket;
  #closed = false;

  constructor({ observer = SILENT, backoff = BACKOFF, retryLimit = RETRY_LIMIT }: QueueOptions = {}) {
    this.#observer = observer;
    this.#backoff = backoff;
    this.#retries = new TokenBucket(retryLimit);
  }

  /** How many keys wait for a worker. */
  get depth(): number {
    return this.#waiting.normal.size + this.#waiting.low.size;
  }

  /** For how long each key that is worked on has been, in ms. */
  get working(): number[] {
    const now = performance.now();
    return [...this.#working.values()].map((since) => now - since);
  }

  /** How many keys it remembers anything of. */
  get size(): number {
    const { normal, low } = this.#waiting;
    const maps = [normal, low, this.#working, this.#delayed, this.#failures];
    return new Set(maps.flatMap((map) => [...map.keys()])).size;
  }

  add(key: string, priority: Priority = "normal"): void {
    if (this.#closed) return;
    this.#cancel(key);
    if (this.#working.has(key)) this.#dirty.add(key);
    else this.#wait(key, priority);
  }

  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueAt = performance.now() + delayMs;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.dueAt <= dueAt) return;
    this.#cancel(key);
    this.#observer.delayed();
    const timer = setTimeout(() => this.add(key), Math.min(delayMs, LONGEST_TIMER_MS));
    this.#delayed.set(key, { dueAt, timer });
  }

  /** Notes that work on a key failed. Returns how often it has in a row. */
  failed(key: string): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    return failures;
  }

  /** Adds a key that failed when it is its turn: after `delayMs`, by default by its failures, and after other retries. */
  retry(key: string, delayMs = backoffMs(this.#backoff, this.#failures.get(key) ?? 1)): void {
    if (this.#closed) return;
    this.addAfter(key, Math.max(delayMs, this.#retries.reserve()));
  }

  /** Forgets how often a key failed. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Runs `workers` workers until the queue is closed and empty. `work` must not reject. */
  async run(work: (key: string) => Promise<void>, workers: number): Promise<void> {
    await Promise.all(Array.from({ length: workers }, () => this.#worker(work)));
  }

  /**
   * Takes no more keys. What waits is still worked on, then the workers end; what would have come later is dropped.
   * Returns the keys that were dropped.
   */
  close(): string[] {
    this.#closed = true;
    const dropped = [...this.#delayed.keys()];
    for (const key of dropped) this.#cancel(key);
    for (const wake of this.#idle.splice(0)) wake(undefined);
    return dropped;
  }

  /** Closes, and drops also what waits: workers end as soon as their work does. Returns the keys that were dropped. */
  abandon(): string[] {
    const { normal, low } = this.#waiting;
    const dropped = [...normal.keys(), ...low.keys(), ...this.#dirty];
    for (const keys of [normal, low, this.#dirty]) keys.clear();
    return [...new Set([...dropped, ...this.close()])];
  }

  #wait(key: string, priority: Priority): void {
    const { normal, low } = this.#waiting;
    if (normal.has(key) || (priority === "low" && low.has(key))) return;
    const since = low.get(key);
    if (since === undefined) this.#observer.added();
    else this.#leave("low", key);
    this.#waiting[priority].set(key, since ?? performance.now());
    this.#observer.depth(priority, this.#waiting[priority].size);
    this.#idle.shift()?.(this.#next());
  }

  async #worker(work: (key: string) => Promise<void>): Promise<void> {
    for (;;) {
      const key = this.#next() ?? (await this.#sleep());
      if (key === undefined) return;
      await work(key);
      this.#observer.finished(performance.now() - (this.#working.get(key) ?? 0));
      this.#working.delete(key);
      // Also when closed: it changed while it was worked on.
      if (this.#dirty.delete(key)) this.#wait(key, "normal");
    }
  }

  #next(): string | undefined {
    const priority = this.#waiting.normal.size > 0 ? "normal" : "low";
    const [first] = this.#waiting[priority];
    if (first === undefined) return undefined;
    const [key, since] = first;
    this.#leave(priority, key);
    const now = performance.now();
    this.#working.set(key, now);
    this.#observer.started(now - since);
    return key;
  }

  #leave(priority: Priority, key: string): void {
    this.#waiting[priority].delete(key);
    this.#observer.depth(priority, this.#waiting[priority].size);
  }

  #sleep(): Promise<string | undefined> {
    return this.#closed ? Promise.resolve(undefined) : new Promise((resolve) => this.#idle.push(resolve));
  }

  #cancel(key: string): void {
    clearTimeout(this.#delayed.get(key)?.timer);
    this.#delayed.delete(key);
  }
}
