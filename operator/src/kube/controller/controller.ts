import type { Logger } from "pino";
import type { Backoff } from "../backoff.ts";
import type { Cache, Change } from "../cache/cache.ts";
import type { Metrics, ReconcileResult } from "../metrics.ts";
import { type KubeObject, keyOf, ownerKey, partsOf } from "../objects.ts";
import { WorkQueue } from "./queue.ts";

/** What to do after a reconcile: look again after a while, or only when something changes. */
export type Action = { readonly requeueAfterMs: number } | { readonly awaitChange: true };

export const awaitChange: Action = { awaitChange: true };

/** What a reconcile is given besides its key. */
export interface Reconciliation {
  /** Aborted when the process must end now, or when the reconcile takes too long. */
  readonly signal: AbortSignal;
  /** Names the controller, the object and this reconcile in every line. */
  readonly log: Logger;
}

/** Makes the world as the object of this key says. May be run at any moment, twice, by a fresh process. */
export type Reconcile = (key: string, reconciliation: Reconciliation) => Promise<Action>;

/**
 * The one place that says what an error leads to. `failures` counts failures in a row, from 1. Undefined: try again
 * with the controller's backoff. Awaiting a change is right for what no repetition can mend.
 */
export type ErrorPolicy = (error: unknown, failures: number) => Action | undefined;

export interface ControllerOptions {
  /** Lower case; names the controller in metrics and logs. */
  readonly name: string;
  /** The objects that are reconciled: every change leads to the object's key. */
  readonly for: Cache;
  /** Which changes of the object itself count. Default: all. */
  readonly when?: (change: Change) => boolean;
  /** Children: a change leads to the key of the object that controls it. */
  readonly owns?: readonly Cache[];
  /** Anything else: a change leads to the keys that `keys` finds for the object, as it is and as it was. */
  readonly watches?: readonly { readonly cache: Cache; readonly keys: (object: KubeObject) => readonly string[] }[];
  readonly reconcile: Reconcile;
  readonly errorPolicy?: ErrorPolicy;
  /** How many keys are reconciled at the same time. Default: 1. */
  readonly workers?: number;
  /** How often every object is looked at again though nothing changed, in ms; a tenth is random. Default: 10 hours. */
  readonly resyncMs?: number;
  /** A reconcile's signal is aborted after this long, in ms. Default: never. */
  readonly timeoutMs?: number;
  /** Between the failures of one key. Default: 5 ms, doubling, at most 1000 s. */
  readonly backoff?: Backoff;
}

/** What a manager gives to its controllers. */
export interface ControllerEnvironment {
  readonly metrics: Metrics;
  readonly log: Logger;
}

const RESYNC_MS = 10 * 3_600_000;

/** `when` for objects whose status we write ourselves: their identity, spec or deletion changed. */
export function specChanged({ now, before }: Change): boolean {
  const [is, was] = [now?.metadata, before?.metadata];
  return is?.uid !== was?.uid || is?.generation !== was?.generation || is?.deletionTimestamp !== was?.deletionTimestamp;
}

/** Reconciles the objects of one cache, one worker per key at a time, for ever. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue;
  readonly #metrics: ReturnType<Metrics["controller"]>;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #reconciles = 0;

  constructor(options: ControllerOptions, { metrics, log }: ControllerEnvironment) {
    const { name, backoff, workers = 1 } = options;
    this.#options = options;
    this.#log = log.child({ controller: name });
    this.#metrics = metrics.controller(name, workers, () => this.#queue.working);
    this.#queue = new WorkQueue({ observer: this.#metrics, backoff });
  }

  /** Reconciles until `close`. Start it when the caches have synced, or it works with half of the world. */
  async run(): Promise<void> {
    const { workers = 1, resyncMs = RESYNC_MS } = this.#options;
    // Not before: a standby would keep the keys of everything that ever changed.
    this.#watchAll();
    const resync = setInterval(() => this.#resync(), resyncMs * (0.9 + Math.random() / 10)).unref();
    await this.#queue.run((key) => this.#work(key), workers);
    clearInterval(resync);
  }

  /** Takes no more keys; `run` resolves when those that wait are done. */
  close(): void {
    this.#queue.close();
  }

  /** Aborts what is being reconciled and drops what waits. */
  abort(): void {
    const dropped = this.#queue.abandon();
    if (dropped.length > 0) this.#log.info({ keys: dropped.length }, "Left to the next process");
    this.#stop.abort();
  }

  #watchAll(): void {
    const { for: primary, when = () => true, owns = [], watches = [] } = this.#options;
    primary.onChange((change) => {
      if (when(change)) this.#enqueue(change, (object) => [keyOf(object)]);
    });
    for (const cache of owns) {
      cache.onChange((change) => this.#enqueue(change, (child) => ownerKey(primary.resource, child) ?? []));
    }
    for (const { cache, keys } of watches) cache.onChange((change) => this.#enqueue(change, keys));
  }

  /** An object that changes hands concerns both. */
  #enqueue({ now, before, initial }: Change, keysOf: (object: KubeObject) => string | readonly string[]): void {
    const keys = [now, before].flatMap((object) => (object === undefined ? [] : keysOf(object)));
    for (const key of new Set(keys)) this.#queue.add(key, initial ? "low" : "normal");
  }

  #resync(): void {
    for (const object of this.#options.for.list()) this.#queue.add(keyOf(object), "low");
  }

  async #work(key: string): Promise<void> {
    const startedAt = performance.now();
    const log = this.#log.child({ ...partsOf(key), reconcile: ++this.#reconciles });
    try {
      const action = await this.#reconcile(key, log);
      this.#queue.forget(key);
      if ("requeueAfterMs" in action) this.#queue.addAfter(key, action.requeueAfterMs);
      this.#metrics.reconciled("requeueAfterMs" in action ? "requeue_after" : "success");
    } catch (error) {
      this.#metrics.reconciled(this.#failed(key, error, log));
    }
    this.#metrics.took(performance.now() - startedAt);
  }

  async #reconcile(key: string, log: Logger): Promise<Action> {
    const { reconcile, timeoutMs } = this.#options;
    if (timeoutMs === undefined) return reconcile(key, { signal: this.#stop.signal, log });
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await reconcile(key, { signal: AbortSignal.any([this.#stop.signal, timeout]), log });
    } finally {
      if (timeout.aborted) this.#metrics.timedOut();
    }
  }

  #failed(key: string, error: unknown, log: Logger): ReconcileResult {
    const failures = this.#queue.failed(key);
    const action = this.#actionFor(error, failures, log);
    log.error({ err: error, failures, ...action }, "Reconcile failed");
    if (action !== undefined && "awaitChange" in action) {
      this.#queue.forget(key);
      return "terminal_error";
    }
    this.#queue.retry(key, action?.requeueAfterMs);
    return isBug(error) ? "panic" : "error";
  }

  /** A policy that fails itself must not end the worker. */
  #actionFor(error: unknown, failures: number, log: Logger): Action | undefined {
    try {
      return this.#options.errorPolicy?.(error, failures);
    } catch (failure) {
      log.error({ err: failure }, "The error policy failed");
      return undefined;
    }
  }
}

/** Errors that only wrong code throws: what a panic is in Go. */
function isBug(error: unknown): boolean {
  return [TypeError, ReferenceError, RangeError].some((type) => error instanceof type);
}
