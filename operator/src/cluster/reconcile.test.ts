import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { pino } from "pino";
import { until } from "../../../test/lib/until.ts";
import type { AaaCluster } from "../api/aaacluster.ts";
import {
  type Action,
  Applier,
  awaitChange,
  Cache,
  type CacheScope,
  Controller,
  type EventInput,
  type KubeObject,
  Metrics,
  type Resource,
} from "../kube/index.ts";
import { FakeApiServer } from "../kube/testing/fake-api-server.ts";
import { CHILD_KINDS, STATEFUL_SET } from "./kinds.ts";
import { CONDITION_TYPES } from "./reasons.ts";
import { type Context, reconcile } from "./reconcile.ts";
import { SecretStore } from "./secrets/store.ts";
import { stampOf } from "./stamp.ts";
import { anAaaCluster, SETTINGS } from "./testing/fixtures.ts";
import { InvalidSpec } from "./validate.ts";
import { World } from "./world.ts";

const KEY = "aaa/tv";
const CLUSTER_PATH = "/apis/aaacluster.io/v1alpha1/namespaces/aaa/aaaclusters/tv";
const SERVICE_PATH = "/api/v1/namespaces/aaa/services/tv-aaa-gateway";

let server: FakeApiServer;
let world: World;
let context: Context;
let stop: AbortController;
let running: Promise<void>[];
let announced: EventInput[];

beforeEach(async () => {
  server = await FakeApiServer.start();
  server.put(CLUSTER_PATH, anAaaCluster());
  const log = pino({ enabled: false });
  const { client } = server;
  stop = new AbortController();
  running = [];
  announced = [];
  world = await freshWorld([]);
  const applier = new Applier({ client, fieldManager: "aaa-operator", hashAnnotation: "x/applied-hash", log });
  const events = { record: (_: KubeObject, event: EventInput) => void announced.push(event) };
  const now = () => new Date("2026-11-22T10:00:00Z");
  const secrets = new SecretStore(now);
  context = { client, applier, events, world, secrets, settings: SETTINGS, applied: new Map(), log, now };
});

/** A world as a process has it that has just begun, when its caches have synced. */
async function freshWorld(namespaces: readonly string[]): Promise<World> {
  const made: Cache[] = [];
  const fresh = new World((resource: Resource, scope?: CacheScope) => {
    const log = pino({ enabled: false });
    const cache = new Cache({ ...scope, namespaces, client: server.client, resource, log });
    made.push(cache);
    running.push(cache.run(stop.signal));
    return cache;
  });
  await Promise.all(made.map(({ synced }) => synced));
  return fresh;
}

afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  await server[Symbol.asyncDispose]();
});

const cluster = (): AaaCluster => server.objects.get(CLUSTER_PATH) as AaaCluster;

const childCount = (): number => CHILD_KINDS.flatMap((kind) => world.children(kind, cluster())).length;

/** Sets the spec, as a user does. */
function specify(spec: AaaCluster["spec"]): void {
  const { metadata, ...rest } = cluster();
  server.put(CLUSTER_PATH, {
    ...rest,
    metadata: { ...metadata, generation: (metadata.generation ?? 0) + 1 },
    ...{ spec },
  });
}

/** Reconciles when the cache has seen everything that was written before. */
async function reconcileNow(): Promise<void> {
  await until(
    "the caches have seen all writes",
    () => {
      const seen = world.cluster(KEY)?.metadata.resourceVersion === cluster().metadata.resourceVersion;
      const children = [...server.objects.keys()].filter((path) => !/aaaclusters|secrets|pods/.test(path)).length;
      return seen && childCount() === children;
    },
    { deadlineMs: 5_000, intervalMs: 5 },
  );
  await reconcile(KEY, context);
}

test("the first reconcile makes all children, and says in the status that they are not ready yet", async () => {
  await reconcileNow();
  const owned = [...server.objects.values()].filter(
    ({ metadata }) => metadata.ownerReferences?.[0]?.uid === "uid-of-tv",
  );
  expect(owned).toHaveLength(39 + 8);
  expect(cluster().status).toMatchObject({
    observedGeneration: 3,
    operatorVersion: "test",
    broker: { ready: "0/3" },
    nodes: { ready: "0/2", selector: "app.kubernetes.io/instance=tv,app.kubernetes.io/component=aaa" },
  });
  expect(cluster().status?.conditions[0]).toMatchObject({ type: "Ready", status: "False", observedGeneration: 3 });
});

test("before anything is made the status has every condition, and says of none what nobody knows", async () => {
  await reconcileNow();
  const [first] = server.writes;
  expect(first).toMatchObject({ path: `${CLUSTER_PATH}/status` });
  const sent = first?.body as AaaCluster | undefined;
  expect(sent?.status?.conditions.map(({ type, status }) => `${type}=${status}`)).toEqual(
    CONDITION_TYPES.map((type) => `${type}=Unknown`),
  );
});

test("a change is not taken for settled before its effect was seen, though the cache still shows what was before", async () => {
  const path = "/apis/apps/v1/namespaces/aaa/statefulsets/tv-aaa";
  const settled = { status: { observedGeneration: 1, updatedReplicas: 0 } };
  const want = (nodes: { readonly replicas: 0; readonly image: string }): void => specify(anAaaCluster({ nodes }).spec);
  const moving = (): readonly string[] =>
    (cluster().status?.conditions.find(({ type }) => type === "Reconciling")?.message ?? "").split(", ");
  want({ replicas: 0, image: "node:1" });
  await reconcileNow();
  const made = server.objects.get(path) as KubeObject;
  server.put(path, { ...made, metadata: { ...made.metadata, generation: 1 }, ...settled });
  await reconcileNow();
  expect(moving()).not.toContain("tv-aaa");
  // As the API server does when the template changes.
  server.fault = ({ method, path: asked, body }) => {
    if (method === "PATCH" && asked === path && body !== undefined) {
      Object.assign(body.metadata, { generation: 2 });
      Object.assign(body, settled);
    }
    return false;
  };
  want({ replicas: 0, image: "node:2" });
  await reconcileNow();
  expect(moving()).toContain("tv-aaa");
});

test("a reconcile with nothing to do writes nothing", async () => {
  await reconcileNow();
  await reconcileNow();
  const writes = server.writes.length;
  await reconcileNow();
  expect(server.writes.length).toBe(writes);
});

test("a fresh process that finds everything made writes nothing", async () => {
  await reconcileNow();
  await reconcileNow();
  const writes = server.writes.length;
  await reconcile(KEY, { ...context, world: await freshWorld(["aaa"]), applied: new Map() });
  expect(server.writes.length).toBe(writes);
});

test("children to which nothing has happened are not looked at again, until something happens to one of them", async () => {
  const apply = jest.spyOn(Applier.prototype, "apply");
  await reconcileNow();
  await reconcileNow();
  apply.mockClear();
  await reconcileNow();
  expect(apply).not.toHaveBeenCalled();
  const service = server.objects.get(SERVICE_PATH) as KubeObject;
  const revision = world.revision(cluster());
  server.put(SERVICE_PATH, { ...service, metadata: { ...service.metadata, labels: {} } });
  await until("it is seen", () => world.revision(cluster()) !== revision, { deadlineMs: 5_000, intervalMs: 5 });
  await reconcileNow();
  expect(apply).toHaveBeenCalledTimes(39);
  apply.mockRestore();
});

test("a child that somebody deleted is back, and nothing else is written", async () => {
  await reconcileNow();
  server.put(SERVICE_PATH, null);
  const writes = server.writes.length;
  await reconcileNow();
  expect(server.objects.has(SERVICE_PATH)).toBe(true);
  expect(server.writes.slice(writes).map(({ path }) => path)).toContain(SERVICE_PATH);
});

test("a child that is no longer built goes", async () => {
  await reconcileNow();
  const budget = "/apis/policy/v1/namespaces/aaa/poddisruptionbudgets/tv-aaa";
  expect(server.objects.has(budget)).toBe(true);
  specify(anAaaCluster({ nodes: { replicas: 1 } }).spec);
  await reconcileNow();
  expect(server.objects.has(budget)).toBe(false);
});

// A pod would start on a volume that is about to go, with the passwords of another cluster on it.
test("no StatefulSet is made while there is a volume claim of a deleted AaaCluster of the same name", async () => {
  const sets = (): string[] => [...server.objects.keys()].filter((path) => path.includes("/statefulsets/"));
  const path = "/api/v1/namespaces/aaa/persistentvolumeclaims/data-tv-oss-database-0";
  const { metadata } = cluster();
  const { labels, owner } = stampOf({ ...cluster(), metadata: { ...metadata, uid: "uid-of-the-deleted-one" } });
  const claim = { name: "data-tv-oss-database-0", namespace: "aaa", labels, ownerReferences: [owner] };
  server.put(path, { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: claim });
  const seen = (count: number) => () => world.claims(cluster()).length === count;
  await until("the claim is seen", seen(1), { deadlineMs: 5_000, intervalMs: 5 });
  await expect(reconcile(KEY, context)).rejects.toThrow("1 objects could not be written");
  expect(sets()).toEqual([]);
  expect(server.objects.has(SERVICE_PATH)).toBe(true);
  // Nor does one go that is there.
  const kept = "/apis/apps/v1/namespaces/aaa/statefulsets/tv-aaa";
  const set = { ...claim, name: "tv-aaa", uid: "uid-of-set", ownerReferences: [stampOf(cluster()).owner] };
  server.put(kept, { apiVersion: "apps/v1", kind: "StatefulSet", metadata: set });
  await until("it is seen", () => world.children(STATEFUL_SET, cluster()).length === 1, {
    deadlineMs: 5_000,
    intervalMs: 5,
  });
  await expect(reconcile(KEY, context)).rejects.toThrow("1 objects could not be written");
  expect(sets()).toEqual([kept]);
  server.put(path, null);
  await until("the claim is gone", seen(0), { deadlineMs: 5_000, intervalMs: 5 });
  await reconcileNow();
  expect(sets()).toHaveLength(4);
});

test("secrets are made once and never touched again", async () => {
  await reconcileNow();
  const path = "/api/v1/namespaces/aaa/secrets/tv-broker-oss";
  const made = server.objects.get(path);
  await reconcileNow();
  expect(server.objects.get(path)).toBe(made);
});

test("one child that cannot be made keeps no other from being made, and is named in the status", async () => {
  const stranger: KubeObject = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "tv-broker-nodes", namespace: "aaa" },
  };
  server.put("/api/v1/namespaces/aaa/services/tv-broker-nodes", stranger);
  await expect(reconcile(KEY, context)).rejects.toThrow("1 objects could not be written");
  expect(server.objects.has(SERVICE_PATH)).toBe(true);
  const condition = cluster().status?.conditions.find(({ type }) => type === "Stalled");
  expect(condition).toMatchObject({ status: "True", reason: "ForeignObject" });
  expect(condition?.message).toContain("Service aaa/tv-broker-nodes exists and does not belong to AaaCluster tv");
  expect(announced).toMatchObject([{ reason: "ForeignObject", note: condition?.message }]);
});

test("a spec that cannot be built changes nothing but the status, and is announced", async () => {
  const spec = { ...anAaaCluster().spec, nodes: { replicas: "two" } } as unknown as AaaCluster["spec"];
  specify(spec);
  await expect(reconcileNow()).rejects.toThrow(InvalidSpec);
  expect(server.writes.map(({ path }) => path)).toEqual([`${CLUSTER_PATH}/status`]);
  const conditions = cluster().status?.conditions ?? [];
  expect(conditions.map(({ type }) => type)).toEqual(CONDITION_TYPES);
  expect(conditions.find(({ type }) => type === "Stalled")).toMatchObject({ status: "True", reason: "InvalidSpec" });
  expect(announced).toMatchObject([{ reason: "InvalidSpec", action: "Reconcile" }]);
});

test("while paused nothing is written but the status", async () => {
  specify(anAaaCluster({ paused: true }).spec);
  await reconcileNow();
  expect(new Set(server.writes.map(({ path }) => path))).toEqual(new Set([`${CLUSTER_PATH}/status`]));
  expect(cluster().status?.conditions.find(({ type }) => type === "Reconciling")).toMatchObject({ reason: "Paused" });
});

test("a cluster that is being deleted is left to the garbage collector", async () => {
  const { metadata } = cluster();
  server.put(CLUSTER_PATH, { ...cluster(), metadata: { ...metadata, deletionTimestamp: "2026-11-22T10:00:00Z" } });
  await reconcileNow();
  expect(server.writes).toEqual([]);
});

test("the operator's own status leads to no reconcile, a change of the spec or of a child does", async () => {
  await reconcileNow();
  await until("the caches are quiet", () => childCount() === 39, { deadlineMs: 5_000, intervalMs: 5 });
  const keys: string[] = [];
  const log = pino({ enabled: false });
  const reconcile = async (key: string): Promise<Action> => {
    keys.push(key);
    return awaitChange;
  };
  const options = { name: "test", ...world.sources, reconcile };
  const controller = new Controller(options, { metrics: new Metrics(), log });
  running.push(controller.run());
  await until("it knows what is there", () => keys.length === 1, { deadlineMs: 5_000, intervalMs: 5 });
  keys.splice(0);
  const seen = (version: string | undefined) => () => world.cluster(KEY)?.metadata.resourceVersion === version;
  const status = server.put(CLUSTER_PATH, { ...cluster(), ...{ status: { other: 1 } } } as KubeObject);
  await until("the status is in", seen(status?.metadata.resourceVersion), { deadlineMs: 5_000, intervalMs: 5 });
  expect(keys).toEqual([]);
  server.put(SERVICE_PATH, null);
  await until("the child's owner is asked for", () => keys.length === 1, { deadlineMs: 5_000, intervalMs: 5 });
  server.put(CLUSTER_PATH, { ...cluster(), metadata: { ...cluster().metadata, generation: 4 } });
  await until("the spec is in", () => keys.length === 2, { deadlineMs: 5_000, intervalMs: 5 });
  expect(keys).toEqual([KEY, KEY]);
  controller.abort();
});
