import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { Applier, Cache, type CacheScope, type KubeObject, type Resource } from "../kube/index.ts";
import { FakeApiServer, fail } from "../kube/testing/fake-api-server.ts";
import { isAbandoned, tendClaims } from "./claims.ts";
import { componentLabels } from "./labels.ts";
import { stampOf } from "./stamp.ts";
import { aCluster, anAaaCluster } from "./testing/fixtures.ts";
import { World } from "./world.ts";

const two = aCluster({ nodes: { replicas: 2 } });

test.each([
  ["of a node that was scaled away", "data-tv-aaa-2", true],
  ["of a node that was scaled away long ago", "data-tv-aaa-10", true],
  ["of a node that there shall be", "data-tv-aaa-1", false],
  ["of a broker", "data-tv-broker-7", false],
  ["of the OSS database", "data-tv-oss-database-0", false],
  ["of a node of another cluster", "data-tv-aaa-aaa-7", false],
  ["of something else", "logs-tv-aaa-7", false],
  ["with no number", "data-tv-aaa-", false],
  ["with more than a number", "data-tv-aaa-7x", false],
])("a claim %s, %s, is abandoned: %s", (_, claim, abandoned) => {
  expect(isAbandoned(two, claim, new Set())).toBe(abandoned);
});

test("a claim is not abandoned before its pod is gone", () => {
  expect(isAbandoned(two, "data-tv-aaa-2", new Set(["tv-aaa-2"]))).toBe(false);
  expect(isAbandoned(two, "data-tv-aaa-2", new Set(["tv-aaa-3"]))).toBe(true);
});

const CLAIMS = "/api/v1/namespaces/aaa/persistentvolumeclaims";
const OBJECT = anAaaCluster({ nodes: { replicas: 2 } });
const STAMP = stampOf(OBJECT);

let server: FakeApiServer;
let stop: AbortController;
let running: Promise<void>[];

beforeEach(async () => {
  server = await FakeApiServer.start();
  stop = new AbortController();
  running = [];
});

afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  await server[Symbol.asyncDispose]();
});

const log = pino({ enabled: false });

/** Tends the claims that the server has now. Returns what went wrong. */
async function tend(): Promise<string[]> {
  const { client } = server;
  const synced: Promise<void>[] = [];
  const world = new World((resource: Resource, scope?: CacheScope) => {
    const cache = new Cache({ ...scope, namespaces: ["aaa"], client, resource, log });
    synced.push(cache.synced);
    running.push(cache.run(stop.signal));
    return cache;
  });
  await Promise.all(synced);
  const applier = new Applier({ client, fieldManager: "test", hashAnnotation: "x/hash", log });
  const errors = await tendClaims({ world, applier }, OBJECT, two, STAMP);
  return errors.map(({ message }) => message);
}

function put(name: string, metadata: Partial<KubeObject["metadata"]> = {}): void {
  const labels = componentLabels("tv", "aaa");
  const claim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace: "aaa", labels, ...metadata },
  };
  server.put(`${CLAIMS}/${name}`, claim);
}

const writes = (): string[] => server.writes.map(({ method, path }) => `${method} ${path.replace(`${CLAIMS}/`, "")}`);

test("claims become the cluster's own, so that they go with it", async () => {
  put("data-tv-aaa-0");
  put("data-tv-broker-0");
  expect(await tend()).toEqual([]);
  for (const { metadata } of server.objects.values()) expect(metadata.ownerReferences).toEqual([STAMP.owner]);
  expect(writes().sort()).toEqual(["PATCH data-tv-aaa-0", "PATCH data-tv-broker-0"]);
});

test("claims that are the cluster's own already are left alone", async () => {
  put("data-tv-aaa-0");
  await tend();
  const before = writes();
  await tend();
  expect(writes()).toEqual(before);
});

test("the claim of a node that was scaled away is deleted, once its pod is gone", async () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "tv-aaa-2", namespace: "aaa", labels: componentLabels("tv", "aaa") },
  };
  const path = "/api/v1/namespaces/aaa/pods/tv-aaa-2";
  server.put(path, pod);
  put("data-tv-aaa-2");
  await tend();
  expect(writes()).toEqual(["PATCH data-tv-aaa-2"]);
  server.put(path, null);
  expect(await tend()).toEqual([]);
  expect(writes()).toEqual(["PATCH data-tv-aaa-2", "DELETE data-tv-aaa-2"]);
});

test("only the very claim that was seen is deleted, not one that has its name by then", async () => {
  put("data-tv-aaa-2", { uid: "uid-of-claim" });
  await tend();
  expect(server.writes[0]?.body).toMatchObject({ preconditions: { uid: "uid-of-claim" } });
});

test("a claim that is going already is left alone", async () => {
  put("data-tv-aaa-0", { deletionTimestamp: "2026-11-22T10:00:00Z" });
  put("data-tv-aaa-2", { deletionTimestamp: "2026-11-22T10:00:00Z" });
  expect(await tend()).toEqual([]);
  expect(writes()).toEqual([]);
});

test("a claim of another cluster is left alone", async () => {
  put("data-radio-aaa-7", { labels: componentLabels("radio", "aaa") });
  expect(await tend()).toEqual([]);
  expect(writes()).toEqual([]);
});

test("a claim that cannot be tended is named, and keeps no other from it", async () => {
  put("data-tv-aaa-0");
  put("data-tv-aaa-1");
  server.fault = ({ method, path }, response) => {
    if (method !== "PATCH" || !path.endsWith("aaa-0")) return false;
    fail(response, 403, "Forbidden");
    return true;
  };
  expect(await tend()).toEqual([expect.stringContaining("Forbidden")]);
  expect(server.objects.get(`${CLAIMS}/data-tv-aaa-1`)?.metadata.ownerReferences).toEqual([STAMP.owner]);
});
