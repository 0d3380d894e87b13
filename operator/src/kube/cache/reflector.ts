import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { type Backoff, backoffMs } from "../backoff.ts";
import type { KubeClient } from "../client/client.ts";
import { errorOf, Gone, Throttled } from "../client/errors.ts";
import { apiVersionOf, type KubeObject, keyOf, type Resource } from "../objects.ts";

/** Where a reflector puts what it learns. None of these may throw. */
export interface Sink {
  /** An object is there, as it is now. */
  upsert(object: KubeObject): void;
  /** An object is gone; given as it was last. */
  remove(object: KubeObject): void;
  /** A list is through: exactly these objects are there, each of which was upserted. */
  listed(keys: ReadonlySet<string>): void;
  /** The server was heard of: what is known is as new as the server's view of this moment. */
  heard(): void;
}

export interface ReflectorOptions {
  readonly client: KubeClient;
  readonly resource: Resource;
  /** The collection's path. */
  readonly path: string;
  /** Label and field selectors. */
  readonly selectors: { readonly labelSelector?: string | undefined; readonly fieldSelector?: string | undefined };
  readonly sink: Sink;
  readonly log: Logger;
  readonly backoff?: Backoff | undefined;
  /** A watch on which nothing comes for so long is given up. Bookmarks come about once a minute. */
  readonly silenceMs?: number | undefined;
  readonly pageSize?: number | undefined;
}

interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubeObject & { readonly code?: number };
}

interface ListPage {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items?: readonly Omit<KubeObject, "apiVersion" | "kind">[] | null;
}

const PAGE_SIZE = 500;
const BACKOFF: Backoff = { firstMs: 200, longestMs: 15_000 };
const SILENCE_MS = 120_000;
const LASTING_WATCH_MS = 1_000;
/** Whoever asks for a longer pause is not believed: the cache would be deaf meanwhile. */
const LONGEST_THROTTLE_MS = 60_000;
/** Spread, so that the watches of many do not all end at once. */
const WATCH_SECONDS = { least: 240, spread: 240 };

/**
 * Tells a sink of all objects of a collection, by list and watch, for as long as `run` runs. It survives whatever the
 * server does: a cut, silent or refused watch is taken up again where it stopped, with backoff, and a resource version
 * that is gone leads to a new list.
 */
export class Reflector {
  readonly #options: ReflectorOptions;
  /** Where the next watch begins; undefined: list first. */
  #resourceVersion: string | undefined;
  #failures = 0;

  constructor(options: ReflectorOptions) {
    this.#options = options;
  }

  /** Lists and watches until the signal; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = await this.#round(signal);
      if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One list, where needed, and one watch to its end. Returns how long to wait before the next, in ms. */
  async #round(signal: AbortSignal): Promise<number> {
    let from: string | undefined;
    let startedAt = Number.POSITIVE_INFINITY;
    let failure: unknown;
    try {
      if (this.#resourceVersion === undefined) await this.#list(signal);
      from = this.#resourceVersion;
      startedAt = performance.now();
      await this.#watch(signal);
    } catch (error) {
      failure = error;
    }
    if (signal.aborted) return 0;
    const lasted = performance.now() - startedAt >= LASTING_WATCH_MS;
    const hadNews = from !== undefined && from !== this.#resourceVersion;
    if (failure !== undefined) return this.#afterFailure(failure, lasted || hadNews);
    if (lasted) this.#failures = 0;
    // A server that ends every watch at once must not be asked in a tight loop, nor left alone while it has news.
    return lasted ? 0 : this.#wait(hadNews);
  }

  #afterFailure(error: unknown, wasGood: boolean): number {
    const { log, resource } = this.#options;
    const isGone = error instanceof Gone;
    if (isGone) this.#resourceVersion = undefined;
    // Lists cost too much to be asked for often.
    const waitMs = this.#wait(wasGood && !isGone);
    const level = this.#failures === 1 ? "info" : "warn";
    log[level]({ err: error, kind: resource.kind, failures: this.#failures }, "Lost the watch");
    return error instanceof Throttled ? Math.max(waitMs, Math.min(error.retryAfterMs, LONGEST_THROTTLE_MS)) : waitMs;
  }

  /** How long to wait after one more failure in a row, in ms. A watch that was good begins a new row. */
  #wait(wasGood: boolean): number {
    this.#failures = wasGood ? 1 : this.#failures + 1;
    return backoffMs(this.#options.backoff ?? BACKOFF, this.#failures);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, path, selectors, sink, resource, pageSize = PAGE_SIZE } = this.#options;
    const identity = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    const keys = new Set<string>();
    let page: ListPage | undefined;
    do {
      const query = { limit: pageSize, continue: page?.metadata.continue, ...selectors };
      page = await client.request<ListPage>("GET", path, { query, signal, attempts: 1 });
      sink.heard();
      for (const item of page.items ?? []) {
        // Items of a list carry neither kind nor apiVersion.
        const object = { ...identity, ...item };
        keys.add(keyOf(object));
        sink.upsert(object);
      }
    } while ((page.metadata.continue ?? "") !== "");
    this.#resourceVersion = page.metadata.resourceVersion;
    sink.listed(keys);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, path, selectors, silenceMs = SILENCE_MS } = this.#options;
    const query = {
      watch: true,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.round(WATCH_SECONDS.least + Math.random() * WATCH_SECONDS.spread),
      resourceVersion: this.#resourceVersion,
      ...selectors,
    };
    for await (const line of client.lines(path, { query, signal, silenceMs })) {
      this.#take(JSON.parse(line) as WatchEvent);
    }
  }

  #take({ type, object }: WatchEvent): void {
    const { sink } = this.#options;
    if (type === "ERROR") throw errorOf(object.code ?? 500, JSON.stringify(object));
    sink.heard();
    if (type === "DELETED") sink.remove(object);
    else if (type !== "BOOKMARK") sink.upsert(object);
    this.#resourceVersion = object.metadata.resourceVersion;
  }
}
