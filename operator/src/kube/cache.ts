import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { type Backoff, backoffMs } from "./backoff.ts";
import type { KubeClient } from "./client.ts";
import { errorOf, Gone } from "./errors.ts";
import { apiVersionOf, type KubeObject, keyOf, pathOf, type Resource } from "./objects.ts";

export interface CacheOptions {
  readonly client: KubeClient;
  readonly resource: Resource;
  /** Without it: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly log: Logger;
  /** Called when the cache lists anew, for metrics. */
  readonly onRelist?: () => void;
  readonly backoff?: Backoff;
  readonly silenceMs?: number;
}

/** Told of every object that came, changed or went. Both are given on a change. */
export type ChangeHandler = (now: KubeObject | undefined, before: KubeObject | undefined) => void;

interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubeObject & { readonly code?: number };
}

interface ListPage {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items?: readonly Omit<KubeObject, "apiVersion" | "kind">[];
}

const PAGE_SIZE = 500;
const BACKOFF: Backoff = { firstMs: 200, longestMs: 15_000 };
/** Bookmarks come about once a minute, so two minutes without a byte mean that nobody is there. */
const SILENCE_MS = 120_000;
const SHORT_WATCH_MS = 1_000;
const WATCH_SECONDS = { least: 240, spread: 240 };

/**
 * A copy of all objects of one kind, kept up to date by list and watch for as long as `run` runs. It survives
 * whatever the server does: a cut, silent or refused watch is taken up again where it stopped, a resource version that
 * is gone leads to a new list. Objects handed out are frozen, so that nobody can corrupt the copy.
 */
export class Cache {
  readonly #options: CacheOptions;
  readonly #objects = new Map<string, KubeObject>();
  readonly #handlers: ChangeHandler[] = [];
  /** Resolves when the first list is in. */
  readonly synced: Promise<void>;
  #markSynced: () => void = () => {};
  #resourceVersion: string | undefined;
  #synced = false;
  #failures = 0;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
  }

  /** Whether the first list is in. */
  get hasSynced(): boolean {
    return this.#synced;
  }

  get resource(): Resource {
    return this.#options.resource;
  }

  get<T extends KubeObject>(key: string): T | undefined {
    return this.#objects.get(key) as T | undefined;
  }

  list<T extends KubeObject>(matches: (object: KubeObject) => boolean = () => true): T[] {
    return [...this.#objects.values()].filter(matches) as T[];
  }

  /** Adds a handler. What it throws is logged and changes nothing. */
  onChange(handler: ChangeHandler): void {
    this.#handlers.push(handler);
  }

  /** Lists and watches until the signal; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = Date.now();
      try {
        if (this.#resourceVersion === undefined) await this.#relist(signal);
        await this.#watch(signal);
        // A server that ends every watch at once must not be asked in a tight loop.
        this.#failures = Date.now() - startedAt < SHORT_WATCH_MS ? this.#failures + 1 : 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#note(error);
      }
      if (this.#failures > 0) await this.#pause(signal);
    }
  }

  #note(error: unknown): void {
    if (error instanceof Gone) this.#resourceVersion = undefined;
    this.#failures += 1;
    const { log, resource } = this.#options;
    const level = this.#failures === 1 ? "info" : "warn";
    log[level]({ err: error, resource: resource.plural, failures: this.#failures }, "Lost the watch");
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const ms = backoffMs(this.#options.backoff ?? BACKOFF, this.#failures);
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const { client, resource, namespace, labelSelector } = this.#options;
    const found = new Map<string, KubeObject>();
    let token: string | undefined;
    let page: ListPage;
    do {
      const query = { limit: PAGE_SIZE, continue: token, labelSelector };
      page = await client.request<ListPage>("GET", pathOf(resource, { namespace }), { query, signal });
      for (const item of page.items ?? []) {
        const object = this.#withKind(item);
        found.set(keyOf(object), object);
      }
      token = page.metadata.continue;
    } while (token !== undefined && token !== "");
    this.#replace(found);
    this.#resourceVersion = page.metadata.resourceVersion;
    this.#synced = true;
    this.#markSynced();
    this.#options.onRelist?.();
  }

  /** Items of a list carry neither kind nor apiVersion. */
  #withKind(item: Omit<KubeObject, "apiVersion" | "kind">): KubeObject {
    return { apiVersion: apiVersionOf(this.resource), kind: this.resource.kind, ...item };
  }

  #replace(found: ReadonlyMap<string, KubeObject>): void {
    for (const key of [...this.#objects.keys()]) if (!found.has(key)) this.#set(key, undefined);
    for (const [key, object] of found) {
      const known = this.#objects.get(key)?.metadata.resourceVersion;
      if (known === undefined || known !== object.metadata.resourceVersion) this.#set(key, object);
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, resource, namespace, labelSelector, silenceMs } = this.#options;
    const query = {
      watch: true,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.round(WATCH_SECONDS.least + Math.random() * WATCH_SECONDS.spread),
      resourceVersion: this.#resourceVersion,
      labelSelector,
    };
    const lines = client.lines(pathOf(resource, { namespace }), { query, signal, silenceMs: silenceMs ?? SILENCE_MS });
    for await (const line of lines) this.#take(JSON.parse(line) as WatchEvent);
  }

  #take({ type, object }: WatchEvent): void {
    if (type === "ERROR") throw errorOf(object.code ?? 500, JSON.stringify(object));
    if (type === "DELETED") this.#set(keyOf(object), undefined, object);
    else if (type !== "BOOKMARK") this.#set(keyOf(object), object);
    this.#resourceVersion = object.metadata.resourceVersion;
  }

  #set(key: string, now: KubeObject | undefined, last?: KubeObject): void {
    const before = this.#objects.get(key) ?? last;
    if (now === undefined) this.#objects.delete(key);
    else this.#objects.set(key, freeze(now));
    for (const handler of this.#handlers) {
      try {
        handler(now, before);
      } catch (error) {
        this.#options.log.error({ err: error, resource: this.resource.plural, key }, "A change handler failed");
      }
    }
  }
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
