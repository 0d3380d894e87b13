import { expect, test } from "@jest/globals";
import type { Resource } from "../kube/index.ts";
import { build } from "./build/index.ts";
import { CONFIG_MAP, DEPLOYMENT, STATEFUL_SET } from "./kinds.ts";
import { isStillNeeded } from "./successors.ts";
import { aCluster } from "./testing/fixtures.ts";

const KEEPALIVED = { mode: "Keepalived" as const, virtualIP: "192.0.2.10", interface: "eth0" };
const desired = build(aCluster({ nodes: { gateway: KEEPALIVED } }));
const object = (name: string, status: object = {}) => ({ metadata: { name }, status }) as never;
const candidates = (status: object): ReadonlyMap<Resource, never[]> =>
  new Map([[STATEFUL_SET, [object("tv-aaa-gateway", status)]]]);

test("the pods of a gateway in its old mode stay until one of the new is ready", () => {
  const old = object("tv-aaa-gateway");
  expect(isStillNeeded(DEPLOYMENT, old, desired, new Map())).toBe(true);
  expect(isStillNeeded(DEPLOYMENT, old, desired, candidates({}))).toBe(true);
  expect(isStillNeeded(DEPLOYMENT, old, desired, candidates({ readyReplicas: 1 }))).toBe(false);
});

test("nothing else stays", () => {
  expect(isStillNeeded(DEPLOYMENT, object("tv-broker-gateway"), desired, new Map())).toBe(false);
  expect(isStillNeeded(STATEFUL_SET, object("tv-aaa-gateway"), desired, new Map())).toBe(false);
  expect(isStillNeeded(DEPLOYMENT, object("radio-aaa-gateway"), desired, new Map())).toBe(false);
  expect(isStillNeeded(CONFIG_MAP, object("tv-aaa-gateway"), desired, new Map())).toBe(false);
});
