import { expect, test } from "@jest/globals";
import { ApiError, Foreign, Invalid } from "../kube/index.ts";
import { conditionsOf, judge, judgeInvalid, judgeNew } from "./conditions.ts";
import { aCluster, allIsWell, wellBroker, wellNodes } from "./testing/fixtures.ts";

const judged = (observed = allIsWell(), cluster = aCluster(), failures: Error[] = []) =>
  Object.fromEntries(
    judge({ cluster, observed, failures, secretProblems: [] }).map((verdict) => [verdict.type, verdict]),
  );
const inShort = (verdicts: ReturnType<typeof judge>) =>
  verdicts.map(({ type, status, reason }) => `${type}=${status} ${reason}`);
const foreign = new Foreign("Service aaa/tv-broker exists");
const refused = new Invalid(422, "Invalid", "StatefulSet tv-oss is invalid");
const forbidden = new ApiError(403, "Forbidden", "Service tv-aaa: exceeded quota");
const workload = (part: "broker" | "oss" | "nodes", changes: object) => ({ ...allIsWell()[part], ...changes });

test("when all is well, Ready is the first condition and true, and nothing is reconciling or stalled", () => {
  const verdicts = judge({ cluster: aCluster(), observed: allIsWell(), failures: [], secretProblems: [] });
  expect(verdicts.map(({ type, status }) => `${type}=${status}`)).toEqual([
    "Ready=True",
    "BrokerReady=True",
    "BrokerFaultTolerant=True",
    "OssReady=True",
    "NodesReady=True",
    "NodesConsistent=True",
    "GatewaysReady=True",
    "Reconciling=False",
    "Stalled=False",
  ]);
});

test("a pod that is not ready is named with its cause, in its part and in the summary", () => {
  const problems = ["tv-broker-2: cannot be scheduled: no space"];
  const { BrokerReady, Ready } = judged(allIsWell({ broker: workload("broker", { ready: 2, problems }) }));
  expect(BrokerReady).toMatchObject({ status: "False", reason: "PodsNotReady" });
  expect(BrokerReady?.message).toBe("2 of 3 pods of tv-broker are ready; tv-broker-2: cannot be scheduled: no space");
  expect(Ready).toMatchObject({ status: "False", reason: "PartsNotReady" });
  expect(Ready?.message).toContain("tv-broker-2");
});

test("brokers that are up but not in one cluster are not ready", () => {
  const { members } = wellBroker();
  const { BrokerReady } = judged(allIsWell({ brokerReport: wellBroker({ members: members.slice(0, 2) }) }));
  expect(BrokerReady).toMatchObject({ reason: "MembersMissing", message: "not in the RabbitMQ cluster: tv-broker-2" });
});

test("a broker that cannot be asked is not ready", () => {
  const { BrokerReady } = judged(allIsWell({ brokerReport: { reachable: false, message: "refused", repaired: [] } }));
  expect(BrokerReady).toMatchObject({ reason: "ManagementUnreachable", message: "refused" });
});

test("a node without all data is not ready, though its pod is", () => {
  const nodeReports = wellNodes.map((node) => ({ ...node, synced: node.name !== "tv-aaa-1" }));
  const { NodesReady, Ready } = judged(allIsWell({ nodeReports }));
  expect(NodesReady).toMatchObject({ reason: "NodesNotSynced", message: "not synced: tv-aaa-1" });
  expect(Ready?.status).toBe("False");
});

test("nodes that differ are named, and the cluster is ready: boxes are answered, and the nodes repair it themselves", () => {
  const nodeReports = wellNodes.map((node) => ({ ...node, differs: node.name === "tv-aaa-1" }));
  const { NodesConsistent, Ready } = judged(allIsWell({ nodeReports }));
  expect(NodesConsistent).toMatchObject({ status: "False", message: "another content than OSS: tv-aaa-1" });
  expect(Ready?.status).toBe("True");
});

test("no node at all is not ready", () => {
  const cluster = aCluster({ nodes: { replicas: 0 } });
  const observed = allIsWell({ nodes: workload("nodes", { wanted: 0, existing: 0, ready: 0 }), nodeReports: [] });
  expect(judged(observed, cluster).NodesReady).toMatchObject({ status: "False", reason: "NoReplicas" });
});

test("two brokers work, and are said to tolerate no failure", () => {
  const cluster = aCluster({ broker: { replicas: 2 } });
  const { BrokerFaultTolerant, Ready } = judged(allIsWell(), cluster);
  expect(BrokerFaultTolerant).toMatchObject({ status: "False", reason: "TooFewReplicas" });
  expect(Ready?.status).toBe("True");
});

test("what could not be written for now is said, and is no stall", () => {
  const { Reconciling, Stalled } = judged(allIsWell(), aCluster(), [forbidden]);
  expect(Reconciling).toMatchObject({ status: "True", reason: "ApplyFailed", message: forbidden.message });
  expect(Stalled).toMatchObject({ status: "False" });
});

test.each([
  ["an object of somebody else", foreign, "ForeignObject"],
  ["an object that the API server finds invalid", refused, "InvalidObject"],
])("%s stalls the cluster, and so it is not reconciling, whatever else moves or fails", (_, error, reason) => {
  const observed = allIsWell({ oss: workload("oss", { settled: false }) });
  const { Reconciling, Stalled, Ready } = judged(observed, aCluster(), [forbidden, error]);
  expect(Stalled).toMatchObject({ status: "True", reason, message: error.message });
  expect(Reconciling).toMatchObject({ status: "False", reason, message: `${forbidden.message}; ${error.message}` });
  expect(Ready).toMatchObject({ status: "True" });
});

test("a paused cluster neither moves nor is stalled", () => {
  const observed = allIsWell({ oss: workload("oss", { settled: false }) });
  const { Reconciling, Stalled } = judged(observed, aCluster({ paused: true }));
  expect(Reconciling).toMatchObject({ status: "False", reason: "Paused" });
  expect(Stalled).toMatchObject({ status: "False" });
});

test("of a cluster never looked at nothing is known, and every condition says so", () => {
  expect(inShort(judgeNew())).toEqual([
    "Ready=Unknown NotObserved",
    "BrokerReady=Unknown NotObserved",
    "BrokerFaultTolerant=Unknown NotObserved",
    "OssReady=Unknown NotObserved",
    "NodesReady=Unknown NotObserved",
    "NodesConsistent=Unknown NotObserved",
    "GatewaysReady=Unknown NotObserved",
    "Reconciling=Unknown NotObserved",
    "Stalled=Unknown NotObserved",
  ]);
});

test("an invalid spec stalls the cluster, and no part is known to be ready still", () => {
  const verdicts = judgeInvalid("spec.nodes.replicas must be >= 0");
  expect(inShort(verdicts)).toEqual([
    "Ready=False InvalidSpec",
    "BrokerReady=Unknown NotObserved",
    "BrokerFaultTolerant=Unknown NotObserved",
    "OssReady=Unknown NotObserved",
    "NodesReady=Unknown NotObserved",
    "NodesConsistent=Unknown NotObserved",
    "GatewaysReady=Unknown NotObserved",
    "Reconciling=False InvalidSpec",
    "Stalled=True InvalidSpec",
  ]);
  expect(verdicts[0]?.message).toBe("spec.nodes.replicas must be >= 0");
});

test("a rollout is named", () => {
  const { Reconciling } = judged(allIsWell({ oss: workload("oss", { settled: false }) }));
  expect(Reconciling).toMatchObject({ status: "True", reason: "RollingOut", message: "tv-oss" });
});

test("the time of a condition moves only with its status", () => {
  const now = new Date("2026-11-22T10:00:00.123Z");
  const before = {
    type: "Ready",
    status: "True",
    observedGeneration: 1,
    lastTransitionTime: "2026-01-01T00:00:00Z",
    reason: "AsWanted",
    message: "",
  } as const;
  const verdict = { type: "Ready", status: "True", reason: "AsWanted", message: "other" } as const;
  expect(conditionsOf([verdict], [before], 2, now)).toMatchObject([
    { lastTransitionTime: "2026-01-01T00:00:00Z", observedGeneration: 2, message: "other" },
  ]);
  expect(conditionsOf([{ ...verdict, status: "False" }], [before], 2, now)).toMatchObject([
    { lastTransitionTime: "2026-11-22T10:00:00Z" },
  ]);
});

// The API server would refuse the whole status, and the last one would stay.
test("what is wrong with very many pods is told as far as a status can hold it", () => {
  const problems = Array.from(
    { length: 50 },
    (_, node) => `tv-aaa-${node}: ${"0/500 nodes are available, ".repeat(40)}`,
  );
  const observed = allIsWell({ nodes: workload("nodes", { ready: 0, problems }) });
  const verdicts = judge({ cluster: aCluster(), observed, failures: [], secretProblems: [] });
  const conditions = conditionsOf(verdicts, [], 1, new Date());
  for (const { message } of conditions) expect(message.length).toBeLessThanOrEqual(32_768);
  const told = conditions.find(({ type }) => type === "NodesReady")?.message;
  expect(told).toMatch(/^0 of 2 pods of tv-aaa are ready; tv-aaa-0: 0\/500 nodes .* …$/);
});

test("a gateway that still waits for the address of its load balancer serves no box", () => {
  const [broker, oss, aaa] = allIsWell().gateways;
  if (broker === undefined || oss === undefined || aaa === undefined) throw new Error("not all gateways are there");
  const { address: _, ...waiting } = aaa;
  const { GatewaysReady, Ready } = judged(allIsWell({ gateways: [broker, oss, waiting] }));
  expect(GatewaysReady).toMatchObject({
    status: "False",
    reason: "NoAddress",
    message: "Service tv-aaa-gateway has no address yet",
  });
  expect(Ready?.status).toBe("False");
});
