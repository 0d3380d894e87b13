import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { Cache, type CacheScope, type KubeObject, pathOf, type Resource } from "../kube/index.ts";
import { FakeApiServer } from "../kube/testing/fake-api-server.ts";
import { ENDPOINT_SLICE, POD } from "./kinds.ts";
import { componentLabels } from "./labels.ts";
import { anAaaCluster } from "./testing/fixtures.ts";
import { World } from "./world.ts";

const OBJECT = anAaaCluster();
const log = pino({ enabled: false });

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

/** What the world knows of all that the server has. */
async function seen(): Promise<World> {
  const synced: Promise<void>[] = [];
  const world = new World((resource: Resource, scope?: CacheScope) => {
    const cache = new Cache({ ...scope, namespaces: ["aaa"], client: server.client, resource, log });
    synced.push(cache.synced);
    running.push(cache.run(stop.signal));
    return cache;
  });
  await Promise.all(synced);
  return world;
}

/** Puts an object of the cluster's AAA nodes on the server, with what takes room and nobody reads. */
function put(resource: Resource, name: string, labels: Readonly<Record<string, string>>, parts: object): void {
  const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name: "tv-aaa", uid: "u", controller: true };
  const unread = { ownerReferences: [owner], managedFields: [{ manager: "x" }] };
  const metadata = { name, namespace: "aaa", uid: name, labels, finalizers: ["example.org/hold"], ...unread };
  const object: KubeObject = { apiVersion: "v1", kind: resource.kind, metadata, ...parts };
  server.put(pathOf(resource, { namespace: "aaa", name }), object);
}

const LABELS = componentLabels("tv", "aaa");

test("of a pod its status, its node and its finalizers are kept, and neither its containers nor its owner", async () => {
  const status = { phase: "Running", podIP: "192.0.2.7" };
  put(POD, "tv-aaa-0", LABELS, { spec: { nodeName: "n1", containers: [{ name: "node-service" }] }, status });
  const [pod] = (await seen()).pods(OBJECT, "aaa");
  expect(pod).toMatchObject({ status, spec: { nodeName: "n1" } });
  expect(pod?.spec).toEqual({ nodeName: "n1" });
  const kept = ["finalizers", "labels", "name", "namespace", "resourceVersion", "uid"];
  expect(Object.keys(pod?.metadata ?? {}).sort()).toEqual(kept);
});

test("endpoints that are not ready do not count, and those of which nothing is known do", async () => {
  const labels = { ...LABELS, "kubernetes.io/service-name": "tv-aaa-gateway" };
  const endpoints = [{ conditions: { ready: true } }, { conditions: { ready: false } }, { conditions: {} }, {}];
  put(ENDPOINT_SLICE, "one", labels, { endpoints, ports: [{ port: 80 }] });
  put(ENDPOINT_SLICE, "none", labels, {});
  put(ENDPOINT_SLICE, "other", { ...labels, "kubernetes.io/service-name": "other" }, { endpoints });
  expect((await seen()).readyEndpoints(OBJECT, "tv-aaa-gateway")).toBe(3);
});
