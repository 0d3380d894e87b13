/** Told what the queue does, for metrics. */
export interface QueueObserver {
  added(): void;
  depth(waiting: number): void;
  started(waitedMs: number): void;
  finished(workedMs: number): void;
}

const SILENT: QueueObserver = { added() {}, depth() {}, started() {}, finished() {} };

/**
 * A queue of keys. A key waits at most once, is worked on by one worker at a time, and is worked on again when it was
 * added meanwhile. Of several delayed adds of one key the earliest counts.
 */
export class WorkQueue {
  readonly #waiting = new Map<string, number>();
  readonly #working = new Set<string>();
  readonly #dirty = new Set<string>();
  readonly #delayed = new Map<string, { readonly dueAt: number; readonly timer: NodeJS.Timeout }>();
  readonly #idle: ((key: string | undefined) => void)[] = [];
  readonly #observer: QueueObserver;
  #closed = false;

  constructor(observer: QueueObserver = SILENT) {
    this.#observer = observer;
  }

  /** Number of keys that wait for a worker. */
  get depth(): number {
    return this.#waiting.size;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#cancel(key);
    if (this.#working.has(key)) {
      this.#dirty.add(key);
      return;
    }
    if (this.#waiting.has(key)) return;
    this.#observer.added();
    this.#waiting.set(key, Date.now());
    this.#observer.depth(this.depth);
    this.#idle.shift()?.(this.#next());
  }

  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueAt = Date.now() + delayMs;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.dueAt <= dueAt) return;
    this.#cancel(key);
    this.#delayed.set(key, { dueAt, timer: setTimeout(() => this.add(key), delayMs) });
  }

  /** Runs `workers` workers until `close`; resolves when the last has finished its key. `work` must not reject. */
  async run(work: (key: string) => Promise<void>, workers: number): Promise<void> {
    await Promise.all(Array.from({ length: workers }, () => this.#worker(work)));
  }

  /** Takes no more keys and lets the workers end. What still waits is dropped: the next process lists everything anew. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) clearTimeout(timer);
    this.#delayed.clear();
    this.#waiting.clear();
    this.#dirty.clear();
    for (const wake of this.#idle.splice(0)) wake(undefined);
  }

  async #worker(work: (key: string) => Promise<void>): Promise<void> {
    for (;;) {
      const key = this.#next() ?? (await this.#sleep());
      if (key === undefined) return;
      const startedAt = Date.now();
      await work(key);
      this.#observer.finished(Date.now() - startedAt);
      this.#working.delete(key);
      if (this.#dirty.delete(key)) this.add(key);
    }
  }

  #next(): string | undefined {
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    const [key, since] = first;
    this.#waiting.delete(key);
    this.#working.add(key);
    this.#observer.depth(this.depth);
    this.#observer.started(Date.now() - since);
    return key;
  }

  #sleep(): Promise<string | undefined> {
    return this.#closed ? Promise.resolve(undefined) : new Promise((resolve) => this.#idle.push(resolve));
  }

  #cancel(key: string): void {
    clearTimeout(this.#delayed.get(key)?.timer);
    this.#delayed.delete(key);
  }
}
