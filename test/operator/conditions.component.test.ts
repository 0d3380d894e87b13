import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { AaaCluster } from "../../operator/src/api/aaacluster.ts";
import type { Condition } from "../../operator/src/api/status.ts";
import { POD, POD_DISRUPTION_BUDGET } from "../../operator/src/cluster/kinds.ts";
import { CONDITION_TYPES, type ConditionType, REASONS } from "../../operator/src/cluster/reasons.ts";
import type { LivePod } from "../../operator/src/cluster/world.ts";
import { until } from "../lib/until.ts";
import { kstatusOf } from "./kstatus.ts";
import { Stage } from "./stage.ts";
import { conditionOf, DEADLINE, type TestCluster } from "./test-cluster.ts";
import { TROUBLES } from "./troubles.ts";

let stage: Stage;
let cluster: TestCluster;
/** Every reason that a status had. */
const seen = new Set<string>();

beforeAll(async () => {
  stage = await Stage.start();
  await stage.startOperator();
}, 60_000);

afterAll(() => stage?.[Symbol.asyncDispose]());

/** Whether the cluster cannot be ready while a condition is as it is. */
const isPart = (type: ConditionType): boolean =>
  ["BrokerReady", "OssReady", "NodesReady", "GatewaysReady"].includes(type);

/** Every condition is there, for this very spec. */
function expectWhole({ metadata, status }: AaaCluster): void {
  expect(status?.observedGeneration).toBe(metadata.generation);
  const found = status?.conditions.map(({ type, observedGeneration }) => [type, observedGeneration]);
  expect(found).toEqual(CONDITION_TYPES.map((type) => [type, metadata.generation]));
  for (const { reason } of status?.conditions ?? []) seen.add(reason);
}

describe("of a cluster that is ready", () => {
  beforeAll(async () => {
    cluster = await stage.newCluster();
    await cluster.ready();
  }, 60_000);

  afterAll(() => cluster?.end());

  test("every condition says that all is as wanted", async () => {
    const ready = await cluster.ready();
    expectWhole(ready);
    const good = ({ type }: Condition): string => (["Reconciling", "Stalled"].includes(type) ? "False" : "True");
    expect(ready.status?.conditions).toEqual(
      ready.status?.conditions.map((one) => ({ ...one, status: good(one), reason: "AsWanted", message: "" })),
    );
    expect(kstatusOf(ready)).toBe("Current");
  }, 30_000);

  test.each(TROUBLES)(
    "$type says $reason when $what",
    async ({ type, reason, names, tools, begin, end }) => {
      await begin(cluster);
      try {
        await cluster.touch();
        const { status, message } = await cluster.until(type, { reason });
        for (const name of names) expect(message).toContain(name);
        expect(status).toBe(["Reconciling", "Stalled"].includes(type) && reason !== "Paused" ? "True" : "False");
        const found = await cluster.get();
        expectWhole(found);
        expect(kstatusOf(found)).toBe(tools);
        const ready = conditionOf(found, "Ready");
        if (isPart(type)) {
          expect(ready).toMatchObject({ status: "False", reason: "PartsNotReady" });
          expect(ready?.message).toContain(`${type}: ${message}`);
        }
      } finally {
        await end(cluster);
      }
      await cluster.ready();
      await cluster.touch();
      await cluster.until(type, { reason: "AsWanted" });
    },
    60_000,
  );

  test("a node that was scaled away and is still ending makes nothing unready", async () => {
    await cluster.setSpec({ nodes: { replicas: 3 } });
    await cluster.ready();
    await cluster.kubernetes.patch(POD, "tv-aaa-2", { metadata: { finalizers: ["example.com/stuck"] } });
    await cluster.setSpec({ nodes: { replicas: 2 } });
    await cluster.until("Reconciling", { reason: "RollingOut" });
    await cluster.kubernetes.play();
    await cluster.reconciled();
    expect(await cluster.condition("Ready")).toMatchObject({ status: "True", message: "" });
    expect(await cluster.condition("Reconciling")).toMatchObject({ reason: "RollingOut", message: "tv-aaa" });
    await cluster.kubernetes.patch(POD, "tv-aaa-2", { metadata: { finalizers: null } });
    await cluster.ready();
  }, 60_000);

  test("a gateway's pod that was evicted and replaced keeps nothing from being settled", async () => {
    const { spec, metadata } = await cluster.live<LivePod>(POD, "tv-aaa-gateway-0");
    const { labels, annotations } = metadata;
    await cluster.kubernetes.create(POD, { metadata: { name: "evicted", labels, annotations }, spec });
    await cluster.kubernetes.setPod("evicted", { phase: "Failed", reason: "Evicted", message: "The node was low on" });
    await cluster.reconciled();
    const found = await cluster.get();
    await cluster.kubernetes.remove(POD, "evicted");
    expect(kstatusOf(found)).toBe("Current");
  }, 60_000);
});

test("nodes that differ are in an Event and in the status, by their digests", async () => {
  // One that nothing has happened to yet: of a cluster with much to tell, Events are dropped.
  cluster = await stage.newCluster();
  await cluster.ready();
  const digest = "00000000000000c3";
  cluster.said.set("tv-aaa-1", { ...cluster.said.get("tv-aaa-1"), digest });
  await cluster.touch();
  const note = `different content at sequence 1000 of epoch 1: tv-aaa-0 has 00000000000000a1, tv-aaa-1 has ${digest}`;
  await cluster.until("NodesConsistent", { status: "False", message: note });
  await until("an Event says so", async () => (await cluster.eventNotes("NodesDiffer")).includes(note), DEADLINE);
  const { status } = await cluster.get();
  expect(status?.partitions?.map((partition) => partition.digest)).toEqual(["00000000000000a1", digest]);
  await cluster.end();
}, 60_000);

describe("of a cluster that never was ready", () => {
  afterEach(() => cluster?.end());

  test("with one broker it is said that it tolerates no failure, and it is ready", async () => {
    cluster = await stage.newCluster({ broker: { replicas: 1 }, oss: { replicas: 1 }, nodes: { replicas: 1 } });
    expectWhole(await cluster.ready());
    const { message } = await cluster.until("BrokerFaultTolerant", { status: "False", reason: "TooFewReplicas" });
    expect(message).toBe("1 broker(s) tolerate no failure: set spec.broker.replicas to 3");
  }, 60_000);

  test("nothing is said of the tolerance of an external broker", async () => {
    cluster = await stage.newCluster({ broker: { external: { secretName: "theirs" } } });
    const message = "an external broker is looked after by others";
    await cluster.until("BrokerFaultTolerant", { status: "Unknown", reason: "NotObserved", message });
    expectWhole(await cluster.get());
  }, 60_000);

  test("the Secret of an external database that does not exist is named with what it needs", async () => {
    cluster = await stage.newCluster({ oss: { database: { externalSecretName: "theirs" } } });
    const { message } = await cluster.until("OssReady", { status: "False", reason: "SecretInvalid" });
    expectWhole(await cluster.get());
    expect(message).toBe(
      `Secret ${cluster.namespace}/theirs, which spec.oss.database.externalSecretName names, does not exist: ` +
        "make it with host, port, dbname, username and password",
    );
  }, 60_000);

  test("in a namespace that is being deleted nothing can be made, and the operator does not try again and again", async () => {
    cluster = await stage.newCluster();
    await cluster.until("Reconciling", { reason: "RollingOut" });
    await cluster.touch();
    await stage.client.request("DELETE", `/api/v1/namespaces/${cluster.namespace}`);
    await cluster.kubernetes.remove(POD_DISRUPTION_BUDGET, "tv-aaa");
    const { message } = await cluster.until("Reconciling", { status: "False", reason: "NamespaceTerminating" });
    expect(message).toContain("tv-aaa");
    expectWhole(await cluster.get());
    await cluster.reconciled();
    const asked = (): number => stage.askedSince(0).filter((one) => one.includes(cluster.namespace)).length;
    const before = asked();
    const another = await stage.newCluster();
    await another.ready();
    await another.end();
    expect(asked() - before).toBeLessThan(5);
  }, 60_000);

  test("a spec that was stored under another CRD is left alone, and built when it is changed", async () => {
    await stage.allowNodes(100);
    const make = () => stage.newCluster({ nodes: { replicas: 60 } });
    cluster = await until("the API server knows the other CRD", make, DEADLINE);
    const { message } = await cluster.until("Stalled", { status: "True", reason: "InvalidSpec" });
    expect(message).toContain("spec.nodes.replicas must be <= 50: apply the CRD of this operator");
    const found = await cluster.get();
    expectWhole(found);
    expect(kstatusOf(found)).toBe("Failed");
    expect(conditionOf(found, "Ready")).toMatchObject({ status: "False", reason: "InvalidSpec", message });
    expect([...(await cluster.children()).keys()]).toEqual([]);
    await cluster.setSpec({ nodes: { replicas: 1 } });
    await cluster.until("Reconciling", { status: "True", reason: "RollingOut" });
    await stage.allowNodes(50);
  }, 60_000);
});

test("every reason of the catalogue was brought about", () => {
  expect([...seen].sort()).toEqual(Object.keys(REASONS).sort());
});
