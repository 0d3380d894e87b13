import { expect, test } from "@jest/globals";
import { Conflict, Throttled, Unreachable } from "../kube/index.ts";
import { errorPolicy } from "./error-policy.ts";
import { settingsFrom } from "./settings.ts";
import { aCluster, anAaaCluster, SETTINGS } from "./testing/fixtures.ts";
import { InvalidSpec, validate } from "./validate.ts";

test("an empty spec is a whole cluster with the operator's images", () => {
  const cluster = aCluster();
  expect([cluster.broker.replicas, cluster.oss.replicas, cluster.nodes.replicas]).toEqual([3, 2, 2]);
  expect(cluster.broker.image).toBe("rabbitmq:1");
  expect(cluster.nodes.database.image).toBe("postgresql:1");
});

test("an image in the spec takes the place of the operator's", () => {
  const cluster = aCluster({ nodes: { image: "mine:2", database: { image: "pg:3" } } });
  expect(cluster.nodes.image).toBe("mine:2");
  expect(cluster.nodes.database.image).toBe("pg:3");
});

test("a spec that was stored under another CRD is refused with the field that is wrong", () => {
  const object = anAaaCluster();
  const old = {
    ...object,
    spec: { ...object.spec, oss: { ...object.spec.oss, replicas: "two" } },
  } as unknown as typeof object;
  expect(() => validate(old, SETTINGS)).toThrow(InvalidSpec);
  expect(() => validate(old, SETTINGS)).toThrow(/spec\.oss\.replicas/);
});

test("missing image settings are all named at once", () => {
  expect(() => settingsFrom({ IMAGE_HAPROXY: "h", IMAGE_RABBITMQ: "r", IMAGE_POSTGRESQL: "p" })).toThrow(
    "IMAGE_NODE_SERVICE, IMAGE_OSS_SERVICE",
  );
});

test("namespaces to watch are a list", () => {
  const env = Object.fromEntries(
    ["NODE_SERVICE", "OSS_SERVICE", "RABBITMQ", "HAPROXY", "POSTGRESQL"].map((name) => [`IMAGE_${name}`, "x"]),
  );
  expect(settingsFrom(env).namespaces).toEqual([]);
  expect(settingsFrom({ ...env, WATCH_NAMESPACES: "a,b" }).namespaces).toEqual(["a", "b"]);
});

test("a wrong spec waits for a change, everything else is tried again", () => {
  expect(errorPolicy(new InvalidSpec("no"), 1)).toEqual({ awaitChange: true });
  expect(errorPolicy(new Conflict(409, "Conflict", ""), 9)).toEqual({ requeueAfterMs: 200 });
  expect(errorPolicy(new Throttled(429, "TooManyRequests", "", 7_000), 1)).toEqual({ requeueAfterMs: 7_000 });
  const wait = errorPolicy(new AggregateError([new Unreachable("x"), new Conflict(409, "Conflict", "")]), 20);
  expect(wait).toHaveProperty("requeueAfterMs");
  expect((wait as { requeueAfterMs: number }).requeueAfterMs).toBeGreaterThanOrEqual(30_000);
});
