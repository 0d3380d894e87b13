import { expect } from "@jest/globals";
import { pino } from "pino";
import { type Backoff, backoffMs } from "../../operator/src/kube/backoff.ts";
import { Cache, type CacheOptions } from "../../operator/src/kube/cache/cache.ts";
import { KubeClient } from "../../operator/src/kube/client/client.ts";
import { type KubeObject, keyOf } from "../../operator/src/kube/objects.ts";
import { FaultProxy } from "../fault/proxy.ts";
import { until } from "../lib/until.ts";
import type { ApiServer } from "../services/api-server.ts";
import { DEADLINE, type Observed, observe } from "./cache-faults-observed.ts";

/** Shorter than in production, so that a test sees many rounds. */
export const BACKOFF: Backoff = { firstMs: 20, longestMs: 500 };
/** Few objects to a page, so that every list has several. */
export const PAGE_SIZE = 3;

const CONFIG_MAP = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
const APPLY = { query: { fieldManager: "test", force: true }, contentType: "application/apply-patch+yaml" };
/** Objects that stay, and objects that come and go. */
const SEEDS = 4;
const CHURNED = 5;
/** So many requests make a list, at most. */
export const PAGES = Math.ceil((SEEDS + CHURNED) / PAGE_SIZE);
let namespaces = 0;

/** A namespace of a real API server, a proxy before that server for caches, and a straight way to it for changes. */
export class Stage implements AsyncDisposable {
  readonly proxy: FaultProxy;
  readonly namespace: string;
  readonly #client: KubeClient;
  readonly #proxied: KubeClient;
  readonly #path: string;
  readonly #observed: Observed[] = [];
  #changes = 0;

  private constructor(server: ApiServer, proxy: FaultProxy, namespace: string) {
    this.proxy = proxy;
    this.namespace = namespace;
    this.#client = new KubeClient(server.config());
    this.#proxied = new KubeClient(server.config(proxy.url));
    this.#path = `/api/v1/namespaces/${namespace}/configmaps`;
  }

  /** @param objects how many there are at first */
  static async open(server: ApiServer, objects = SEEDS): Promise<Stage> {
    const namespace = `faults-${process.pid}-${namespaces++}`;
    const stage = new Stage(server, await FaultProxy.start(server.config()), namespace);
    await stage.#client.request("POST", "/api/v1/namespaces", { body: { metadata: { name: namespace } } });
    for (let i = 0; i < objects; i++) await stage.put(`seed-${i}`);
    return stage;
  }

  /** Starts a cache of this namespace through the proxy. */
  startCache(options: Partial<CacheOptions> = {}): Observed {
    const cache = new Cache({
      client: this.#proxied,
      resource: CONFIG_MAP,
      namespaces: [this.namespace],
      keep: (object) => object,
      log: pino({ enabled: false }),
      backoff: BACKOFF,
      pageSize: PAGE_SIZE,
      ...options,
    });
    const observed = observe(cache, () => this.#onServer(options.labelSelector));
    this.#observed.push(observed);
    return observed;
  }

  /** Starts a cache and waits until it watches. */
  async startSynced(options: Partial<CacheOptions> = {}): Promise<Observed> {
    const watches = this.proxy.openWatches;
    const observed = this.startCache(options);
    await until("the cache watches", () => observed.cache.hasSynced && this.proxy.openWatches > watches, DEADLINE);
    return observed;
  }

  /** Makes or changes an object. */
  async put(name: string, value = "1", labels: Readonly<Record<string, string>> = {}): Promise<void> {
    // Characters of several bytes, so that a cut may come within one.
    const data = { value, text: `ß€𝄞 ${value}` };
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels }, data };
    await this.#client.request("PATCH", `${this.#path}/${name}`, { ...APPLY, body });
  }

  /** Removes an object if it is there. */
  async remove(name: string): Promise<void> {
    await this.#client.request("DELETE", `${this.#path}/${name}`).catch((error: unknown) => {
      expect(error).toMatchObject({ status: 404 });
    });
  }

  /** Makes the next of an endless row of changes to few objects: they come, change and go. */
  async change(): Promise<void> {
    const number = this.#changes++;
    const name = `churn-${number % CHURNED}`;
    if (number % 3 === 2) await this.remove(name);
    else await this.put(name, String(number));
  }

  /** Makes changes until something has happened. */
  async changeUntil(what: string, happened: () => boolean): Promise<void> {
    const probe = async (): Promise<boolean> => {
      await this.change();
      return happened();
    };
    await until(what, probe, DEADLINE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const observed of this.#observed) await observed[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }

  async #onServer(labelSelector: string | undefined): Promise<ReadonlyMap<string, KubeObject>> {
    const list = await this.#client.request<{ items: KubeObject[] }>("GET", this.#path, { query: { labelSelector } });
    const objects = list.items.map((item) => ({ ...item, apiVersion: "v1", kind: "ConfigMap" }));
    return new Map(objects.map((object) => [keyOf(object), object]));
  }
}

/**
 * Pure: how many rounds can begin at most in so many ms when each fails at once. Every wait is taken at its shortest, so
 * on a slow machine they can only be fewer.
 */
export function mostRounds(windowMs: number, backoff = BACKOFF): number {
  let rounds = 1;
  for (let at = shortest(backoff, 1); at <= windowMs; at += shortest(backoff, rounds)) rounds += 1;
  return rounds;
}

/** Pure: how many requests, when each round is a whole list and a watch. */
export function mostLists(windowMs: number): number {
  return mostRounds(windowMs) * (PAGES + 1);
}

function shortest(backoff: Backoff, failures: number): number {
  return backoffMs(backoff, failures, () => 0);
}
