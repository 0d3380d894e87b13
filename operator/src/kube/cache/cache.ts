import type { Logger } from "pino";
import type { Backoff } from "../backoff.ts";
import type { KubeClient } from "../client/client.ts";
import { type KubeObject, keyOf, ownerKey, pathOf, type Resource, withoutManagedFields } from "../objects.ts";
import { Reflector } from "./reflector.ts";
import { type IndexFunction, Store } from "./store.ts";

/** Which objects of a kind a cache holds. */
export interface CacheScope {
  /** Empty or absent: all namespaces. Of a kind that has none, ask for all. */
  readonly namespaces?: readonly string[] | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** What of an object is kept, as memory is dear; `withoutManagedFields` when absent. */
  readonly keep?: ((object: KubeObject) => KubeObject) | undefined;
}

export interface CacheOptions extends CacheScope {
  readonly client: KubeClient;
  readonly resource: Resource;
  readonly log: Logger;
  /** Called when a list is through, for metrics. */
  readonly onRelist?: () => void;
  readonly backoff?: Backoff;
  readonly silenceMs?: number;
  readonly pageSize?: number;
}

/** One change of one object. Both are given on an update; `initial` says that it is news only to us. */
export interface Change {
  readonly now: KubeObject | undefined;
  readonly before: KubeObject | undefined;
  readonly initial: boolean;
}

/** Told of every object that came, changed or went. What it throws, or rejects with, is logged and changes nothing. */
export type ChangeHandler = (change: Change) => unknown;

/**
 * A copy of all objects of one kind, kept up to date for as long as `run` runs, whatever the server does. Any number
 * of controllers share it. What it hands out is frozen, so that nobody can corrupt it for the others; it may be older
 * than the server's, never newer.
 */
export class Cache {
  readonly resource: Resource;
  /** Resolves when the first list is in. */
  readonly synced: Promise<void>;
  readonly #options: CacheOptions;
  readonly #store = new Store((error, object) => this.#failed(error, object, "An index function failed"));
  readonly #handlers = new Set<ChangeHandler>();
  readonly #reflectors: readonly Reflector[];
  readonly #ownerIndexes = new Set<string>();
  readonly #unsynced: Set<string | undefined>;
  readonly #markSynced: () => void;
  /** By namespace, when its server was last heard of, in ms of the monotonic clock. */
  readonly #heardAt: Map<string | undefined, number>;

  constructor(options: CacheOptions) {
    const { namespaces = [], resource, client, log, backoff, silenceMs, pageSize } = options;
    const { labelSelector, fieldSelector } = options;
    this.#options = options;
    this.resource = resource;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#markSynced = resolve;
    const scopes = namespaces.length === 0 ? [undefined] : [...new Set(namespaces)];
    this.#unsynced = new Set(scopes);
    this.#heardAt = new Map(scopes.map((namespace) => [namespace, performance.now()]));
    this.#reflectors = scopes.map((namespace) => {
      const path = pathOf(resource, { namespace });
      const sink = {
        upsert: (object: KubeObject) => this.#upsert(object, namespace),
        remove: (object: KubeObject) => this.#set(keyOf(object), undefined),
        listed: (keys: ReadonlySet<string>) => this.#listed(keys, namespace),
        heard: () => void this.#heardAt.set(namespace, performance.now()),
      };
      const selectors = { labelSelector, fieldSelector };
      return new Reflector({ client, resource, path, selectors, sink, log, backoff, silenceMs, pageSize });
    });
  }

  /** Whether the first list is in. */
  get hasSynced(): boolean {
    return this.#unsynced.size === 0;
  }

  get size(): number {
    return this.#store.size;
  }

  /**
   * How long ago the server was last heard of, in ms; of several namespaces the longest. On a quiet watch it grows to a
   * minute between bookmarks.
   */
  get ageMs(): number {
    return performance.now() - Math.min(...this.#heardAt.values());
  }

  /** @param key `namespace/name`, or `name` for objects without a namespace */
  get<T extends KubeObject>(key: string): T | undefined {
    return this.#store.get(key) as T | undefined;
  }

  list<T extends KubeObject>(matches: (object: KubeObject) => boolean = () => true): T[] {
    return [...this.#store.values()].filter(matches) as T[];
  }

  /** Adds a way to find objects other than by key; again is no harm. @throws Error when the name has another meaning */
  addIndex(name: string, valuesOf: IndexFunction): void {
    this.#store.addIndex(name, valuesOf);
  }

  /** The objects for which an index gives this value. @throws Error when there is no such index */
  byIndex<T extends KubeObject>(index: string, value: string): T[] {
    return this.#store.byIndex(index, value) as T[];
  }

  /** The objects that are controlled by the object of kind `owner` with this key. */
  ownedBy<T extends KubeObject>(owner: Resource, key: string): T[] {
    const index = `owner ${owner.kind}.${owner.group}`;
    if (!this.#ownerIndexes.has(index)) {
      this.addIndex(index, (child) => listOf(ownerKey(owner, child)));
      this.#ownerIndexes.add(index);
    }
    return this.byIndex(index, key);
  }

  /** Adds a handler, and tells it of the objects that are there already. Returns how to take it away again. */
  onChange(handler: ChangeHandler): () => void {
    this.#handlers.add(handler);
    for (const now of this.#store.values()) this.#tell(handler, { now, before: undefined, initial: true });
    return () => this.#handlers.delete(handler);
  }

  /** Keeps the copy up to date until the signal; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.run(signal)));
  }

  #upsert(object: KubeObject, scope: string | undefined): void {
    const key = keyOf(object);
    const known = this.#store.get(key);
    if (known !== undefined && known.metadata.resourceVersion === object.metadata.resourceVersion) return;
    const { keep = withoutManagedFields } = this.#options;
    this.#set(key, keep(object), this.#unsynced.has(scope));
  }

  #listed(keys: ReadonlySet<string>, scope: string | undefined): void {
    const gone = [...this.#store.values()].filter(
      (object) => (scope === undefined || object.metadata.namespace === scope) && !keys.has(keyOf(object)),
    );
    for (const object of gone) this.#set(keyOf(object), undefined);
    this.#unsynced.delete(scope);
    if (this.hasSynced) this.#markSynced();
    this.#options.onRelist?.();
  }

  #set(key: string, now: KubeObject | undefined, initial = false): void {
    const before = this.#store.set(key, now);
    if (now === undefined && before === undefined) return;
    for (const handler of this.#handlers) this.#tell(handler, { now, before, initial });
  }

  #tell(handler: ChangeHandler, change: Change): void {
    const failed = (error: unknown): void =>
      this.#failed(error, change.now ?? change.before, "A change handler failed");
    try {
      const result = handler(change);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #failed(error: unknown, object: KubeObject | undefined, message: string): void {
    const { namespace, name } = object?.metadata ?? {};
    this.#options.log.error({ err: error, kind: this.resource.kind, namespace, name }, message);
  }
}

function listOf(key: string | undefined): readonly string[] {
  return key === undefined ? [] : [key];
}
