import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { until } from "../../../../test/lib/until.ts";
import { Cache } from "../cache/cache.ts";
import { Metrics } from "../metrics.ts";
import { type KubeObject, ownerReferenceTo } from "../objects.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { type Action, awaitChange, Controller, type ControllerOptions, specChanged } from "./controller.ts";

const OWNER = { group: "example.com", version: "v1", kind: "Owner", plural: "owners" };
const CHILD = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
const DEADLINE = { deadlineMs: 5_000, intervalMs: 5 };
const log = pino({ enabled: false });

let server: FakeApiServer;
let stop: AbortController;
let running: Promise<unknown>[];
let metrics: Metrics;
let controller: Controller | undefined;
let reconciled: string[];

const ownerPath = (name: string): string => `/apis/example.com/v1/namespaces/a/owners/${name}`;
const childPath = (name: string): string => `/api/v1/namespaces/a/configmaps/${name}`;
const owner = (name: string, generation = 1): KubeObject => ({
  apiVersion: "example.com/v1",
  kind: "Owner",
  metadata: { name, namespace: "a", generation },
});
const child = (name: string, of?: KubeObject): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "a", ...(of === undefined ? {} : { ownerReferences: [ownerReferenceTo(OWNER, of)] }) },
});

beforeEach(async () => {
  server = await FakeApiServer.start();
  stop = new AbortController();
  metrics = new Metrics();
  running = [];
  reconciled = [];
});

afterEach(async () => {
  controller?.abort();
  stop.abort();
  await Promise.all(running);
  await server[Symbol.asyncDispose]();
});

function cacheOf(resource: typeof OWNER): Cache {
  const cache = new Cache({ client: server.client, resource, log });
  running.push(cache.run(stop.signal));
  return cache;
}

async function start(options: Partial<ControllerOptions> = {}): Promise<void> {
  const owners = options.for ?? cacheOf(OWNER);
  const note = async (key: string): Promise<Action> => {
    reconciled.push(key);
    return awaitChange;
  };
  controller = new Controller({ name: "test", for: owners, reconcile: note, ...options }, { metrics, log });
  // The server keeps no history: what is put before the watches are open would be missed.
  const caches = new Set([owners, ...(options.owns ?? []), ...(options.watches ?? []).map(({ cache }) => cache)]);
  await until("all watches are open", () => server.openWatches === caches.size, DEADLINE);
  running.push(controller.run());
}

const reconciles = (count: number): Promise<boolean> =>
  until(`${count} reconciles`, () => reconciled.length === count, DEADLINE);

test("a child's changes lead to the object that controls it, and to both when it changes hands", async () => {
  const one = server.put(ownerPath("one"), owner("one")) as KubeObject;
  const two = server.put(ownerPath("two"), owner("two")) as KubeObject;
  await start({ owns: [cacheOf(CHILD)] });
  await reconciles(2);
  server.put(childPath("x"), child("x", one));
  await reconciles(3);
  server.put(childPath("x"), child("x", two));
  await reconciles(5);
  server.put(childPath("x"), null);
  await reconciles(6);
  server.put(childPath("foreign"), child("foreign"));
  server.put(ownerPath("one"), null);
  await reconciles(7);
  expect(reconciled.slice(2)).toEqual(["a/one", "a/two", "a/one", "a/two", "a/one"]);
});

test("anything else leads to the keys that are found for it", async () => {
  const watched = cacheOf(CHILD);
  await start({ watches: [{ cache: watched, keys: ({ metadata }) => [`a/of-${metadata.name}`] }] });
  server.put(childPath("x"), child("x"));
  await reconciles(1);
  expect(reconciled).toEqual(["a/of-x"]);
});

test("changes that do not count lead to nothing", async () => {
  await start({ when: specChanged });
  server.put(ownerPath("one"), owner("one"));
  await reconciles(1);
  server.put(ownerPath("one"), { ...owner("one"), ...{ status: { seen: true } } });
  server.put(ownerPath("one"), owner("one", 2));
  await reconciles(2);
  server.put(ownerPath("one"), null);
  await reconciles(3);
});

test("every object is looked at again from time to time", async () => {
  server.put(ownerPath("one"), owner("one"));
  await start({ resyncMs: 5 });
  await until("several reconciles", () => reconciled.length > 3, DEADLINE);
});

test("a reconcile may ask to be run again", async () => {
  server.put(ownerPath("one"), owner("one"));
  const answers: Action[] = [{ requeueAfterMs: 1 }, { requeueAfterMs: 1 }, awaitChange];
  await start({
    reconcile: async (key) => {
      reconciled.push(key);
      return answers[reconciled.length - 1] ?? awaitChange;
    },
  });
  await reconciles(3);
});

test("a failing key is tried again until it succeeds, with its failures in a row counted", async () => {
  const asked: number[] = [];
  await start({
    reconcile: async (key) => {
      reconciled.push(key);
      if (reconciled.length < 4) throw new Error("not yet");
      return awaitChange;
    },
    errorPolicy: (_, failures) => {
      asked.push(failures);
      return undefined;
    },
  });
  server.put(ownerPath("one"), owner("one"));
  await reconciles(4);
  expect(asked).toEqual([1, 2, 3]);
  const text = await metrics.registry.metrics();
  expect(text).toContain('controller_runtime_reconcile_total{controller="test",result="error"} 3');
  expect(text).toContain('controller_runtime_reconcile_total{controller="test",result="success"} 1');
  expect(text).toContain('controller_runtime_reconcile_errors_total{controller="test"} 3');
  expect(text).toContain('workqueue_retries_total{name="test",controller="test"} 3');
});

test("an error that no repetition can mend waits for a change", async () => {
  server.put(ownerPath("one"), owner("one"));
  await start({
    reconcile: async (key) => {
      reconciled.push(key);
      throw new TypeError("always");
    },
    errorPolicy: (_, failures) => (failures === 1 ? { requeueAfterMs: 1 } : awaitChange),
  });
  await reconciles(2);
  server.put(ownerPath("one"), owner("one", 2));
  await reconciles(4);
  const text = await metrics.registry.metrics();
  expect(text).toContain('controller_runtime_terminal_reconcile_errors_total{controller="test"} 2');
  expect(text).toContain('controller_runtime_reconcile_panics_total{controller="test"} 2');
  expect(text).toContain('controller_runtime_reconcile_errors_total{controller="test"} 4');
});

test("a reconcile that takes too long is told so", async () => {
  server.put(ownerPath("one"), owner("one"));
  await start({
    timeoutMs: 10,
    reconcile: async (key, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reconciled.push(key);
      return awaitChange;
    },
  });
  await reconciles(1);
  const text = await metrics.registry.metrics();
  expect(text).toContain('controller_runtime_reconcile_timeouts_total{controller="test"} 1');
});

test("a controller that does not run, as that of a standby, remembers nothing of what came and went", async () => {
  const owners = cacheOf(OWNER);
  await until("the watch is open", () => server.openWatches === 1, DEADLINE);
  const reconcile = async (key: string): Promise<Action> => {
    reconciled.push(key);
    return awaitChange;
  };
  const later = new Controller({ name: "later", for: owners, reconcile }, { metrics, log });
  for (const name of ["one", "two", "three"]) server.put(ownerPath(name), owner(name));
  server.put(ownerPath("two"), null);
  await until("all is in", () => owners.size === 2 && owners.get("a/three") !== undefined, DEADLINE);
  expect(await metrics.registry.metrics()).toContain('workqueue_adds_total{name="later",controller="later"} 0');
  running.push(later.run());
  await reconciles(2);
  expect(reconciled).toEqual(["a/one", "a/three"]);
  later.abort();
});

test("an error policy that fails itself is as good as none", async () => {
  server.put(ownerPath("one"), owner("one"));
  await start({
    reconcile: async (key) => {
      reconciled.push(key);
      if (reconciled.length < 3) throw new Error("not yet");
      return awaitChange;
    },
    errorPolicy: () => {
      throw new Error("no policy");
    },
  });
  await reconciles(3);
});

test("several controllers share a cache", async () => {
  const shared = cacheOf(OWNER);
  await start({ for: shared });
  const others: string[] = [];
  const reconcile = async (key: string): Promise<Action> => {
    others.push(key);
    return awaitChange;
  };
  const other = new Controller({ name: "other", for: shared, reconcile }, { metrics, log });
  running.push(other.run());
  server.put(ownerPath("one"), owner("one"));
  await until("both reconciled", () => reconciled.length === 1 && others.length === 1, DEADLINE);
  expect(server.calls.length).toBe(2);
  other.abort();
});
