import { expect, test } from "@jest/globals";
import { CHECKS, type Findings } from "./checks.ts";
import type { Observed } from "./observe.ts";
import type { ConditionType, Reason } from "./reasons.ts";
import { aCluster, allIsWell, wellBroker, wellNodes, withVirtualIP } from "./testing/fixtures.ts";
import { EXTERNAL_BROKER } from "./testing/specs.ts";

/** All that the checks of a condition find, not only the first. */
function found(type: ConditionType, findings: Partial<Findings>): string[] {
  const all = { cluster: aCluster(), observed: allIsWell(), failures: [], secretProblems: [], ...findings };
  return (CHECKS.get(type) ?? []).flatMap((check) => {
    const finding = check(all);
    return finding === null ? [] : [`${finding.reason}: ${finding.message}`];
  });
}

const seen = (changes: Partial<Observed>): Partial<Findings> => ({ observed: allIsWell(changes) });
const { members } = wellBroker();
const [first, second, third] = members.map(({ name }) => name);
const down = (...names: readonly (string | undefined)[]) =>
  members.map((member) => ({ ...member, running: !names.includes(member.name) }));
const gateways = (changes: object) =>
  allIsWell().gateways.map((one, index) => (index === 1 ? { ...one, ...changes } : one));
const nodes = (changes: object) => wellNodes.map((one, index) => (index === 1 ? { ...one, ...changes } : one));
const virtual = (holders: readonly string[], changes: Parameters<typeof withVirtualIP>[2] = {}) =>
  seen({ gateways: withVirtualIP("oss-gateway", holders, changes) });
const queues = (changes: object) =>
  wellBroker().queues.map((one, index) => (index === 1 ? { ...one, ...changes } : one));
const unready = (part: "broker" | "oss" | "ossDatabase" | "nodes") => ({
  [part]: { ...allIsWell()[part], ready: 0, problems: ["p-0: is starting"] },
});

test("when all is well no check finds anything", () => {
  for (const type of CHECKS.keys()) expect([type, found(type, {})]).toEqual([type, []]);
});

const LACKS: readonly (readonly [ConditionType, Partial<Findings>, readonly string[]])[] = [
  ["BrokerReady", seen(unready("broker")), ["PodsNotReady: 0 of 3 pods of tv-broker are ready; p-0: is starting"]],
  [
    "BrokerReady",
    seen({ brokerReport: { reachable: false, message: "refused", repaired: [] } }),
    ["ManagementUnreachable: refused"],
  ],
  [
    "BrokerReady",
    seen({ brokerReport: wellBroker({ members: down(second, third) }) }),
    [
      `QuorumLost: brokers that do not run: ${second}, ${third}`,
      "MembersMissing: not in the RabbitMQ cluster: tv-broker-1, tv-broker-2",
    ],
  ],
  [
    "BrokerReady",
    seen({ brokerReport: wellBroker({ queues: queues({ online: [first] }) }) }),
    ["QuorumLost: queues without a majority of their members: aaa.partition.tv-aaa-1"],
  ],
  [
    "BrokerReady",
    seen({ brokerReport: wellBroker({ members: down(third) }) }),
    ["MembersMissing: not in the RabbitMQ cluster: tv-broker-2"],
  ],
  [
    "BrokerReady",
    seen({ brokerReport: wellBroker({ members: members.map((one) => ({ ...one, name: `${one.name}.other` })) }) }),
    ["MembersMissing: not in the RabbitMQ cluster: tv-broker-0, tv-broker-1, tv-broker-2"],
  ],
  [
    "BrokerReady",
    seen({
      brokerReport: wellBroker({
        members: members.map((one, index) => ({ ...one, mem_alarm: index === 0, disk_free_alarm: index === 1 })),
      }),
    }),
    [
      `AlarmRaised: ${first} is short of memory, so nobody may publish: give it more; ${second} is short of disk, so nobody may publish: give it more`,
    ],
  ],
  [
    "BrokerFaultTolerant",
    { cluster: aCluster({ broker: { replicas: 2 } }) },
    ["TooFewReplicas: 2 broker(s) tolerate no failure: set spec.broker.replicas to 3"],
  ],
  [
    "BrokerFaultTolerant",
    seen({ brokerReport: wellBroker({ members: down(third) }) }),
    [`QuorumCritical: the loss of one more broker would stop broadcasts; not running: ${third}`],
  ],
  [
    "BrokerFaultTolerant",
    seen({ brokerReport: wellBroker({ queues: queues({ members: [first], online: [first] }) }) }),
    ["QuorumCritical: the loss of one more broker would stop broadcasts; queues have too few members"],
  ],
  [
    "OssReady",
    seen(unready("ossDatabase")),
    ["DatabaseNotReady: 0 of 1 pods of tv-oss-database are ready; p-0: is starting"],
  ],
  ["OssReady", seen(unready("oss")), ["PodsNotReady: 0 of 2 pods of tv-oss are ready; p-0: is starting"]],
  ["OssReady", seen({ relaying: false }), ["NobodyRelays: no OSS pod says that it broadcasts"]],
  [
    "NodesReady",
    { cluster: aCluster({ nodes: { replicas: 0 } }) },
    ["NoReplicas: no box is answered: set spec.nodes.replicas to 1 or more"],
  ],
  ["NodesReady", seen(unready("nodes")), ["PodsNotReady: 0 of 2 pods of tv-aaa are ready; p-0: is starting"]],
  ["NodesReady", seen({ nodeReports: nodes({ synced: false }) }), ["NodesNotSynced: not synced: tv-aaa-1"]],
  [
    "NodesReady",
    seen({ nodeReports: nodes({ consuming: false }) }),
    ["NodesNotConsuming: not consuming their queues: tv-aaa-1"],
  ],
  [
    "NodesReady",
    seen({ brokerReport: wellBroker({ queues: queues({ consumers: 0 }) }) }),
    ["NodesNotConsuming: not consuming their queues: tv-aaa-1"],
  ],
  [
    "NodesReady",
    seen({ brokerReport: wellBroker({ queues: queues({ name: "aaa.partition.other" }) }) }),
    ["NodesNotConsuming: not consuming their queues: tv-aaa-1"],
  ],
  [
    "NodesReady",
    seen({ nodeReports: nodes({ behind: true }) }),
    ["NodesBehind: behind for longer than spec.nodes.maxLagSeconds: tv-aaa-1"],
  ],
  [
    "NodesConsistent",
    seen({ nodeReports: nodes({ sequence: "1001", digest: "b2", differs: true }) }),
    ["NodesDiffer: another content than OSS: tv-aaa-1"],
  ],
  [
    "NodesConsistent",
    seen({ nodeReports: nodes({ digest: "00000000000000b2" }) }),
    [
      "NodesDiffer: different content at sequence 1000 of epoch 1: " +
        "tv-aaa-0 has 00000000000000a1, tv-aaa-1 has 00000000000000b2",
    ],
  ],
  [
    "GatewaysReady",
    seen({ gateways: gateways({ ready: 1, problems: ["g-0: is starting"] }) }),
    ["PodsNotReady: 1 of 2 pods of tv-oss-gateway are ready; g-0: is starting"],
  ],
  [
    "GatewaysReady",
    seen({ gateways: gateways({ readyEndpoints: 0 }) }),
    ["EndpointsNotReady: Service tv-oss-gateway has no ready endpoint"],
  ],
  [
    "GatewaysReady",
    seen({ gateways: gateways({ reports: [{ pod: "g-0", servers: 0 }] }) }),
    ["NoServerUp: no pod of tv-oss-gateway knows one to send to"],
  ],
  ["GatewaysReady", virtual([]), ["VirtualIPNotHeld: nobody holds 192.0.2.10 of tv-oss-gateway"]],
  ["GatewaysReady", virtual(["n1", "n2"]), ["VirtualIPHeldTwice: 192.0.2.10 of tv-oss-gateway is held by n1 and n2"]],
  [
    "GatewaysReady",
    virtual(["n1"], { clashes: ["virtualRouterID 5 is also mine"] }),
    ["VirtualRoutersClash: virtualRouterID 5 is also mine"],
  ],
  [
    "GatewaysReady",
    virtual(["n1"], { troubles: [{ reason: "InterfaceMissing", message: "g-1 on node n2: no eth1" }] }),
    ["InterfaceMissing: g-1 on node n2: no eth1"],
  ],
  [
    "GatewaysReady",
    virtual(["n1"], { ready: 1, problems: ["g-1: is starting"] }),
    [
      "TooFewCandidates: nobody would take over 192.0.2.10: 1 of tv-oss-gateway are ready; g-1: is starting",
      "PodsNotReady: 1 of 2 pods of tv-oss-gateway are ready; g-1: is starting",
    ],
  ],
];

test.each(LACKS.map(([type, findings, reasons]) => [type, reasons, findings] as const))(
  "%s does not hold because of %j, and no other part suffers",
  (type, reasons, findings) => {
    expect(found(type, findings)).toEqual(reasons);
    for (const other of CHECKS.keys()) {
      // What is lost at the broker is no fault tolerance either.
      if (other !== type && !other.startsWith("Broker")) expect([other, found(other, findings)]).toEqual([other, []]);
    }
  },
);

test.each<[string, ConditionType, Partial<Findings>]>([
  [
    "a broker that cannot be asked says nothing of its members",
    "BrokerFaultTolerant",
    seen({ brokerReport: { reachable: false, message: "x", repaired: [] } }),
  ],
  [
    "a queue without statistics yet says nothing of its consumers",
    "NodesReady",
    seen({ brokerReport: wellBroker({ queues: wellBroker().queues.map(({ name }) => ({ name })) }) }),
  ],
  [
    "of nodes only their own word is known while the broker cannot be asked",
    "NodesReady",
    seen({ brokerReport: { reachable: false, message: "x", repaired: [] } }),
  ],
  [
    "members of an external broker are the business of others",
    "BrokerReady",
    {
      cluster: aCluster(EXTERNAL_BROKER),
      ...seen({ brokerReport: wellBroker({ members: [{ name: "rabbit@example", running: true }], queues: [] }) }),
    },
  ],
  ["one node serves boxes", "NodesReady", { cluster: aCluster({ nodes: { replicas: 1 } }) }],
  [
    "more pods than wanted are no lack, as during a rollout",
    "NodesReady",
    seen({ nodes: { ...allIsWell().nodes, ready: 3 } }),
  ],
  [
    "one pod of a gateway that knows where to send to is enough",
    "GatewaysReady",
    seen({
      gateways: gateways({
        reports: [
          { pod: "g-0", servers: 0 },
          { pod: "g-1", servers: 1 },
        ],
      }),
    }),
  ],
  ["one who holds the virtual IP is right", "GatewaysReady", virtual(["n2"])],
  ["one ready endpoint is enough", "GatewaysReady", seen({ gateways: gateways({ readyEndpoints: 1 }) })],
  [
    "a node that was scaled away and is still ending takes nothing with it",
    "NodesReady",
    seen({
      nodeReports: [
        ...wellNodes,
        { name: "tv-aaa-2", queue: "q", synced: false, consuming: false, behind: true, differs: false },
      ],
    }),
  ],
  [
    "nodes that are at different places have different content",
    "NodesConsistent",
    seen({ nodeReports: nodes({ sequence: "1001", digest: "b2" }) }),
  ],
  [
    "after a restore of OSS one number stands for another change in another epoch",
    "NodesConsistent",
    seen({ nodeReports: nodes({ epoch: "2", digest: "b2" }) }),
  ],
  [
    "nodes of an older version, or which do not answer, tell no digest",
    "NodesConsistent",
    seen({
      nodeReports: [...wellNodes, ...wellNodes].map(({ digest: _, ...node }, index) => ({
        ...node,
        ...(index === 0 ? { digest: "b2" } : {}),
      })),
    }),
  ],
  [
    "what a node has that was scaled away and is still ending is no difference",
    "NodesConsistent",
    seen({ nodeReports: [...wellNodes, ...nodes({ name: "tv-aaa-2", digest: "b2", differs: true }).slice(1)] }),
  ],
])("%s", (_, type, findings) => {
  expect(found(type, findings)).toEqual([]);
});

const problem = (condition: ConditionType, message: string) => ({ condition, message, holds: [] });

test("a Secret that cannot be used shows in the condition of its part, before what follows from it", () => {
  const secretProblems = [
    problem("BrokerReady", "a"),
    problem("OssReady", "b"),
    problem("BrokerReady", "c"),
    problem("GatewaysReady", "d"),
  ];
  const findings = {
    secretProblems,
    ...seen({ ...unready("broker"), ...unready("oss"), gateways: gateways({ ready: 0 }) }),
  };
  expect(found("BrokerReady", findings)[0]).toBe("SecretInvalid: a; c");
  expect(found("OssReady", findings)[0]).toBe("SecretInvalid: b");
  expect(found("GatewaysReady", findings)[0]).toBe("SecretInvalid: d");
  for (const type of ["NodesReady", "BrokerFaultTolerant"] as const) expect(found(type, findings)).toEqual([]);
});

test("causes come before what they lead to", () => {
  const everything = seen({
    ...unready("broker"),
    ...unready("oss"),
    ...unready("ossDatabase"),
    ...unready("nodes"),
    relaying: false,
    nodeReports: nodes({ synced: false, consuming: false, behind: true }),
    brokerReport: wellBroker({ members: down(second, third).map((one) => ({ ...one, mem_alarm: true })) }),
    gateways: gateways({ ready: 0, readyEndpoints: 0, reports: [] }),
  });
  const order = (type: ConditionType): (Reason | undefined)[] =>
    found(type, everything).map((finding) => finding.split(":")[0] as Reason);
  expect(order("BrokerReady")).toEqual(["PodsNotReady", "QuorumLost", "MembersMissing", "AlarmRaised"]);
  expect(order("OssReady")).toEqual(["DatabaseNotReady", "PodsNotReady", "NobodyRelays"]);
  expect(order("NodesReady")).toEqual(["PodsNotReady", "NodesNotSynced", "NodesNotConsuming", "NodesBehind"]);
  expect(order("GatewaysReady")).toEqual(["PodsNotReady", "EndpointsNotReady", "NoServerUp"]);
});
