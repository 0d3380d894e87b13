import { expect, test } from "@jest/globals";
import Value from "typebox/value";
import { Status } from "../api/status.ts";
import { judge, judgeInvalid } from "./conditions.ts";
import { statusOf } from "./status.ts";
import { aCluster, allIsWell, anAaaCluster, wellBroker, wellNodes, withVirtualIP } from "./testing/fixtures.ts";

const about = { object: anAaaCluster(), operatorVersion: "test", now: new Date("2026-01-31T00:00:00Z") };
const seen = (observed = allIsWell()) =>
  statusOf({
    ...about,
    observed,
    verdicts: judge({ cluster: aCluster(), observed, failures: [], secretProblems: [] }),
  });

test("the status holds what was observed, in the form the CRD allows", () => {
  const status = seen();
  expect(Value.Check(Status, status)).toBe(true);
  expect(status).toMatchObject({ observedGeneration: 3, broker: { ready: "3/3" }, nodes: { ready: "2/2" } });
  expect(status.partitions).toHaveLength(2);
});

// The API server drops a list that server-side apply makes empty, so it may be neither sent nor required.
test("without AAA nodes the status has no partitions, and the CRD allows that", () => {
  const status = seen(allIsWell({ nodeReports: [] }));
  expect(status).not.toHaveProperty("partitions");
  expect(Value.Check(Status, status)).toBe(true);
});

test("the first status of a spec that cannot be built is one the CRD allows", () => {
  const status = statusOf({ ...about, verdicts: judgeInvalid("write something else") });
  expect(Value.Check(Status, status)).toBe(true);
  expect(status.conditions[0]).toMatchObject({ type: "Ready", status: "False", message: "write something else" });
});

test("of a spec that cannot be built there are conditions, and nothing that would look as if it had been observed", () => {
  const status = statusOf({ ...about, verdicts: judgeInvalid("x") });
  expect(Object.keys(status)).toEqual(["observedGeneration", "operatorVersion", "conditions"]);
});

test("every gateway is where clients find it, and absent where they do not", () => {
  const [broker, oss, aaa] = allIsWell().gateways;
  if (broker === undefined || oss === undefined || aaa === undefined) throw new Error("not all gateways are there");
  const { address: _, ...lost } = oss;
  const { endpoints, gateways } = seen(allIsWell({ gateways: [broker, lost, aaa] }));
  expect(endpoints).toEqual({ broker: "tv-broker-gateway.aaa.svc:5670", aaa: "tv-aaa-gateway.aaa.svc:6060" });
  expect(gateways).toEqual([
    { name: "tv-broker-gateway", address: "tv-broker-gateway.aaa.svc:5670" },
    { name: "tv-oss-gateway" },
    { name: "tv-aaa-gateway", address: "tv-aaa-gateway.aaa.svc:6060" },
  ]);
});

test("the Kubernetes node that holds a virtual IP is named, and the number of its router is kept", () => {
  const gatewayOf = (holders: readonly string[]) =>
    seen(allIsWell({ gateways: withVirtualIP("aaa-gateway", holders) })).gateways?.[2];
  const kept = { name: "tv-aaa-gateway", address: "tv-aaa-gateway.aaa.svc:6060", virtualRouterID: 51 };
  expect(gatewayOf(["n2"])).toEqual({ ...kept, holder: "n2" });
  expect(gatewayOf([])).toEqual(kept);
  expect(gatewayOf(["n1", "n2"])).toEqual(kept);
});

test("while nobody holds a new virtual IP, the Kubernetes node that holds the one before is named", () => {
  const reports = [
    { pod: "g-0", servers: 2, node: "n1", holds: "192.0.2.9" },
    { pod: "g-1", servers: 2, node: "n2" },
  ];
  const observed = allIsWell({ gateways: withVirtualIP("aaa-gateway", [], { reports }) });
  expect(seen(observed).gateways?.[2]).toMatchObject({ holder: "n1" });
});

test("the number that another gateway has is not said to be this one's", () => {
  const [, , gateway] = withVirtualIP("aaa-gateway", [], { clashes: ["virtualIP 192.0.2.10 is that of another"] });
  const { id: _, ...virtual } = gateway?.virtual ?? { ip: "", id: 0, troubles: [], clashes: [] };
  const observed = allIsWell({ gateways: gateway === undefined ? [] : [{ ...gateway, virtual }] });
  expect(seen(observed).gateways?.[0]).not.toHaveProperty("virtualRouterID");
});

test("an external broker has no pods, and is where its Secret says", () => {
  const { broker, gateways } = allIsWell();
  const observed = allIsWell({
    broker: { ...broker, wanted: 0, existing: 0, ready: 0 },
    gateways: gateways.filter(({ component }) => component !== "broker-gateway"),
  });
  const status = statusOf({ ...about, observed, verdicts: [], externalBroker: "rabbit.example:5672" });
  expect(status.broker).toEqual({
    replicas: 0,
    readyReplicas: 0,
    ready: "external",
    version: "4.0.5",
    quorum: "Intact",
  });
  expect(status.endpoints).toMatchObject({ broker: "rabbit.example:5672", oss: "tv-oss-gateway.aaa.svc:6070" });
  expect(Value.Check(Status, status)).toBe(true);
});

test("the version and the quorum of the broker are its own word, and absent while it gives none", () => {
  const [first, ...others] = wellBroker().members;
  const members = [...others, ...(first === undefined ? [] : [{ ...first, running: false }])];
  expect(seen(allIsWell({ brokerReport: wellBroker({ version: "4.3.0", members }) })).broker).toMatchObject({
    version: "4.3.0",
    quorum: "Critical",
  });
  const silent = seen(allIsWell({ brokerReport: { reachable: false, message: "refused", repaired: [] } })).broker;
  expect(silent).toEqual({ replicas: 3, readyReplicas: 3, ready: "3/3" });
});

test("what is wanted, ready and there are three numbers", () => {
  const { nodes, broker } = allIsWell();
  const status = seen(
    allIsWell({
      nodes: { ...nodes, wanted: 5, existing: 4, ready: 3 },
      broker: { ...broker, wanted: 5, existing: 4, ready: 2 },
    }),
  );
  expect(status.nodes).toMatchObject({ replicas: 4, readyReplicas: 3, ready: "3/5" });
  expect(status.broker).toMatchObject({ replicas: 5, readyReplicas: 2, ready: "2/5" });
});

test("autoscalers find the pods of the nodes by the selector", () => {
  expect(seen().nodes?.selector).toBe("app.kubernetes.io/instance=tv,app.kubernetes.io/component=aaa");
});

test("a partition says how far its node is, and not what only conditions are made from", () => {
  expect(seen(allIsWell({ nodeReports: wellNodes.slice(1) })).partitions).toEqual([
    {
      name: "tv-aaa-1",
      queue: "aaa.partition.tv-aaa-1",
      epoch: "1",
      sequence: "1000",
      digest: "00000000000000a1",
      lag: 0,
      lagSeconds: 0,
      synced: true,
    },
  ]);
});
