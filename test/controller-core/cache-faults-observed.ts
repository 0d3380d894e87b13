import { isDeepStrictEqual } from "node:util";
import { expect } from "@jest/globals";
import type { Cache } from "../../operator/src/kube/cache/cache.ts";
import { type KubeObject, keyOf } from "../../operator/src/kube/objects.ts";
import { until } from "../lib/until.ts";

export const DEADLINE = { deadlineMs: 10_000, intervalMs: 20 };

export type Objects = ReadonlyMap<string, KubeObject>;

/** A running cache, and what a change handler of it knows. */
export interface Observed extends AsyncDisposable {
  readonly cache: Cache;
  /** The objects as a handler has them that was told of every change, by key. */
  readonly view: Objects;
  /** Whether `run` goes on. */
  readonly isRunning: boolean;
  /**
   * Waits until cache and view are what the server has, deeply; fails with the difference. Fails also when a handler
   * was told of another object before a change than after the last.
   */
  toEqualServer(): Promise<void>;
}

/** Runs a cache. */
export function observe(cache: Cache, onServer: () => Promise<Objects>): Observed {
  const view = new Map<string, KubeObject>();
  const surprises: string[] = [];
  cache.onChange(({ now, before }) => {
    const key = keyOf((now ?? before) as KubeObject);
    if (!isDeepStrictEqual(before, view.get(key))) surprises.push(key);
    if (now === undefined) view.delete(key);
    else view.set(key, now);
  });
  const stop = new AbortController();
  let isRunning = true;
  const ended = cache.run(stop.signal).finally(() => {
    isRunning = false;
  });
  const held = () => ({ cache: new Map(cache.list().map((object) => [keyOf(object), object])), view });
  const wanted = async () => {
    const objects = await onServer();
    return { cache: objects, view: objects };
  };
  return {
    cache,
    view,
    get isRunning() {
      return isRunning;
    },
    toEqualServer: async () => {
      const isEqual = async (): Promise<boolean> => isDeepStrictEqual(held(), await wanted());
      await until("the cache is as the server", isEqual, DEADLINE).catch(() => undefined);
      expect(held()).toEqual(await wanted());
      expect(surprises).toEqual([]);
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ended;
    },
  };
}
