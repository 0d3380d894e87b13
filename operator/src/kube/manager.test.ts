import { createServer } from "node:http";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { until } from "../../../test/lib/until.ts";
import { LeadershipLost, NotLeading } from "./client/errors.ts";
import { awaitChange } from "./controller/controller.ts";
import type { Lease } from "./leader/lease.ts";
import { Manager, type ManagerOptions } from "./manager.ts";
import type { KubeObject } from "./objects.ts";
import { portOf } from "./server.ts";
import { FakeApiServer, fail } from "./testing/fake-api-server.ts";

const CONFIG_MAP = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
const LEASE_PATH = "/apis/coordination.k8s.io/v1/namespaces/system/leases/test";
const DEADLINE = { deadlineMs: 10_000, intervalMs: 5 };
const ELECTION = { namespace: "system", leaseDurationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 20 };

let server: FakeApiServer;
let stops: AbortController[];
let running: Promise<unknown>[];

const configMap = (name: string): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "a" },
});
const put = (name: string): unknown => server.put(`/api/v1/namespaces/a/configmaps/${name}`, configMap(name));
const holder = (): string => (server.objects.get(LEASE_PATH) as Lease | undefined)?.spec?.holderIdentity ?? "";

beforeEach(async () => {
  server = await FakeApiServer.start();
  stops = [];
  running = [];
});

afterEach(async () => {
  for (const stop of stops) stop.abort();
  await Promise.allSettled(running);
  await server[Symbol.asyncDispose]();
});

function aManager(options: Partial<ManagerOptions> = {}): Manager {
  const log = pino({ enabled: false });
  const ports = { metricsPort: 0, healthPort: 0 };
  return new Manager({ name: "test", domain: "example.com", config: server.config, log, ...ports, ...options });
}

/** Runs a manager until the test ends or calls what is returned. */
function run(manager: Manager): { readonly ended: Promise<void>; stop(): void } {
  const stop = new AbortController();
  stops.push(stop);
  const ended = manager.run(stop.signal);
  running.push(ended);
  return { ended, stop: () => stop.abort() };
}

/** Adds a controller of ConfigMaps that notes what it reconciled. */
function noting(manager: Manager, seen: string[]): void {
  manager.addController({
    name: "test",
    for: manager.cache(CONFIG_MAP),
    reconcile: async (key) => {
      seen.push(key);
      return awaitChange;
    },
  });
}

test("who asks for the same objects gets the same cache", () => {
  const manager = aManager({ namespaces: ["a", "b"] });
  const all = manager.cache(CONFIG_MAP);
  expect(manager.cache(CONFIG_MAP, { namespaces: ["b", "a"] })).toBe(all);
  expect(manager.cache(CONFIG_MAP, { namespaces: [] })).not.toBe(all);
  expect(manager.cache(CONFIG_MAP, { labelSelector: "x" })).not.toBe(all);
});

test("it begins to reconcile when all caches have synced, and says so to the probe", async () => {
  put("one");
  let refuse = true;
  server.fault = ({ path }, response) => {
    if (!refuse || !path.endsWith("/secrets")) return false;
    fail(response, 500, "InternalError");
    return true;
  };
  const manager = aManager();
  const seen: string[] = [];
  noting(manager, seen);
  const secrets = manager.cache({ group: "", version: "v1", kind: "Secret", plural: "secrets" });
  const configMaps = manager.cache(CONFIG_MAP);
  run(manager);
  await until("it has one of two caches", () => configMaps.hasSynced && server.calls.length > 2, DEADLINE);
  const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${manager.ports?.health}/readyz`)).status;
  expect([seen, await ready()]).toEqual([[], 503]);
  refuse = false;
  await until("it reconciles", () => seen.length === 1, DEADLINE);
  expect([secrets.hasSynced, await ready()]).toEqual([true, 200]);
});

test("metrics and probes answer, also before it leads", async () => {
  server.put(LEASE_PATH, {
    ...configMap("test"),
    ...{ spec: { holderIdentity: "another", leaseDurationSeconds: 3_600, renewTime: "2026-11-22T10:00:00.000000Z" } },
  });
  const manager = aManager({ leaderElection: ELECTION });
  const seen: string[] = [];
  noting(manager, seen);
  put("one");
  run(manager);
  const get = async (port: number | undefined, path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  await until("it is ready", async () => (await get(manager.ports?.health, "/readyz")).ok, DEADLINE);
  expect((await get(manager.ports?.health, "/healthz")).status).toBe(200);
  expect((await get(manager.ports?.health, "/other")).status).toBe(404);
  const text = await (await get(manager.ports?.metrics, "/metrics")).text();
  expect(text).toContain('leader_election_master_status{name="test"} 0');
  expect(text).toContain('kube_cache_objects{resource="configmaps"} 1');
  expect(text).toContain("kube_events_dropped_total 0");
  expect(text).toMatch(/kube_cache_age_seconds\{resource="configmaps"\} 0\.\d+/);
  expect(seen).toEqual([]);
  await expect(manager.client.request("DELETE", "/api/v1/namespaces/a/configmaps/one")).rejects.toThrow(NotLeading);
});

test("a second process waits, and takes over when the first is asked to end and has ended its work", async () => {
  const [first, second] = [aManager({ leaderElection: ELECTION }), aManager({ leaderElection: ELECTION })];
  const order: string[] = [];
  const { promise: mayEnd, resolve: finish } = Promise.withResolvers<void>();
  for (const [name, manager] of Object.entries({ first, second })) {
    manager.addController({
      name: "test",
      for: manager.cache(CONFIG_MAP),
      reconcile: async () => {
        order.push(`${name} begins`);
        if (name === "first") await mayEnd;
        order.push(`${name} ends`);
        return awaitChange;
      },
    });
  }
  put("one");
  const { ended, stop } = run(first);
  await until("the first works", () => order.length === 1, DEADLINE);
  run(second);
  await until("the second is ready", () => second.isReady, DEADLINE);
  const held = holder();
  stop();
  expect([order, holder()]).toEqual([["first begins"], held]);
  finish();
  await ended;
  await until("the second works", () => order.length === 4, DEADLINE);
  expect(order).toEqual(["first begins", "first ends", "second begins", "second ends"]);
});

test.each([
  ["ends then, the lease is handed over", true],
  ["does not end even then, the lease is left to expire", false],
])("work that does not end in time is aborted; when it %s", async (_, heeds) => {
  const manager = aManager({ leaderElection: ELECTION, shutdownMs: 50 });
  let aborted = false;
  let began = false;
  manager.addController({
    name: "test",
    for: manager.cache(CONFIG_MAP),
    reconcile: (_, { signal }) => {
      began = true;
      return new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          aborted = true;
          if (heeds) resolve(awaitChange);
        });
      });
    },
  });
  put("one");
  const { ended, stop } = run(manager);
  await until("it works", () => began, DEADLINE);
  stop();
  await ended;
  expect([aborted, holder() === ""]).toEqual([true, heeds]);
});

test("it ends as soon as the lease is lost", async () => {
  const manager = aManager({ leaderElection: ELECTION });
  noting(manager, []);
  const { ended } = run(manager);
  await until("it leads", () => holder() !== "", DEADLINE);
  const lease = server.objects.get(LEASE_PATH) as Lease;
  const taken: Lease = { ...lease, spec: { ...lease.spec, holderIdentity: "another" } };
  server.put(LEASE_PATH, taken);
  await expect(ended).rejects.toThrow(LeadershipLost);
  await expect(manager.client.request("DELETE", "/api/v1/namespaces/a/configmaps/one")).rejects.toThrow(NotLeading);
});

test("who has not seen the world does not lead", async () => {
  let refuse = true;
  server.fault = ({ path }, response) => {
    if (!refuse || !path.endsWith("/configmaps")) return false;
    fail(response, 403, "Forbidden");
    return true;
  };
  const [blind, seeing] = [aManager({ leaderElection: ELECTION }), aManager({ leaderElection: ELECTION })];
  noting(blind, []);
  const { ended, stop } = run(blind);
  await until("it has tried", () => server.calls.length > 2, DEADLINE);
  expect(server.writes).toEqual([]);
  stop();
  await ended;
  refuse = false;
  noting(seeing, []);
  run(seeing);
  await until("the other leads", () => holder() !== "", DEADLINE);
});

test("what comes too late is refused with a word", async () => {
  const manager = aManager();
  noting(manager, []);
  const { ended, stop } = run(manager);
  await until("it is ready", () => manager.isReady, DEADLINE);
  expect(() => manager.cache(CONFIG_MAP)).not.toThrow();
  expect(() => manager.cache(CONFIG_MAP, { labelSelector: "x" })).toThrow("the manager runs already");
  expect(() => noting(manager, [])).toThrow("the manager runs already");
  stop();
  await ended;
  expect(manager.ports).toBeUndefined();
});

test("a standby that is asked to end ends in good order", async () => {
  const other: Lease = { ...configMap("test"), spec: { holderIdentity: "another", leaseDurationSeconds: 3_600 } };
  server.put(LEASE_PATH, other);
  const manager = aManager({ leaderElection: ELECTION });
  noting(manager, []);
  const { ended, stop } = run(manager);
  await until("it is ready", () => manager.isReady, DEADLINE);
  stop();
  await ended;
  await until("the server has seen its watch end", () => server.openWatches === 0, DEADLINE);
  expect(holder()).toBe("another");
});

test("a port that is taken is said, and nothing is left running", async () => {
  const other = createServer().listen(0);
  await until("the port is taken", () => other.listening, DEADLINE);
  const manager = aManager({ healthPort: portOf(other) });
  noting(manager, []);
  await expect(manager.run(new AbortController().signal)).rejects.toThrow("EADDRINUSE");
  expect(server.calls).toEqual([]);
  other.close();
});
