import { ENDPOINT_SLICE, POD, SERVICE } from "../../operator/src/cluster/kinds.ts";
import type { ConditionType, Reason } from "../../operator/src/cluster/reasons.ts";
import { until } from "../lib/until.ts";
import type { BrokerStandIn } from "./broker-stand-in.ts";
import type { Verdict } from "./kstatus.ts";
import { READY } from "./kubernetes.ts";
import type { TestCluster } from "./test-cluster.ts";

/** Something that goes wrong with a cluster that is ready, what is said of it, and how it is put right. */
export interface Trouble {
  readonly what: string;
  readonly type: ConditionType;
  readonly reason: Reason;
  /** Parts of the message. */
  readonly names: readonly string[];
  readonly tools: Verdict;
  readonly begin: (cluster: TestCluster) => unknown;
  readonly end: (cluster: TestCluster) => unknown;
}

/** A pod's status with a container that waits. */
const waiting = (name: string, reason: string, message: string) => ({
  conditions: [{ type: "Ready", status: "False" }],
  containerStatuses: [
    { name, ready: false, restartCount: 0, image: "", imageID: "", state: { waiting: { reason, message } } },
  ],
});
const well = { ...READY, containerStatuses: [] };

const RESOURCE_QUOTA = { group: "", version: "v1", kind: "ResourceQuota", plural: "resourcequotas" };

const pod = (name: string, status: object) => ({
  begin: ({ kubernetes }: TestCluster) => kubernetes.setPod(name, status),
  end: ({ kubernetes }: TestCluster) => kubernetes.setPod(name, well),
});

const said = (name: string, changes: object | undefined) => {
  let before: object | undefined;
  return {
    begin: (cluster: TestCluster) => {
      before = cluster.said.get(name);
      cluster.said.set(name, changes === undefined ? undefined : { ...before, ...changes });
    },
    end: (cluster: TestCluster) => cluster.said.set(name, before),
  };
};

const broker = (change: (broker: BrokerStandIn) => void) => {
  let before: Pick<BrokerStandIn, "members" | "queues" | "refuses">;
  return {
    begin: (cluster: TestCluster) => {
      const { members, queues, refuses } = cluster.broker;
      before = { members, queues, refuses };
      change(cluster.broker);
    },
    end: (cluster: TestCluster) => Object.assign(cluster.broker, before),
  };
};

const spec = (wanted: object, before: object) => ({
  begin: (cluster: TestCluster) => cluster.setSpec(wanted),
  end: (cluster: TestCluster) => cluster.setSpec(before),
});

const KEEPALIVED = { mode: "Keepalived" as const, interface: "eth0", virtualRouterID: 51 };

/** What befalls the candidates for a virtual IP of the AAA gateway. */
const virtually = (befall: (cluster: TestCluster) => unknown) => ({
  begin: async (cluster: TestCluster) => {
    await cluster.allowPods("privileged");
    await cluster.setSpec({ nodes: { gateway: { ...KEEPALIVED, virtualIP: "192.0.2.10" } } });
    const areCandidates = async (): Promise<boolean> => {
      await cluster.kubernetes.play();
      await cluster.touch();
      return (await cluster.condition("GatewaysReady"))?.reason === "VirtualIPNotHeld";
    };
    await until("the pods of the gateway are candidates", areCandidates, { deadlineMs: 30_000, intervalMs: 100 });
    await befall(cluster);
  },
  end: async (cluster: TestCluster) => {
    await cluster.setSpec({ nodes: { gateway: null } });
    await cluster.allowPods("restricted");
  },
});

const givesUp = (message: string) =>
  virtually(({ kubernetes }) =>
    kubernetes.setPod("tv-aaa-gateway-1", {
      conditions: [{ type: "Ready", status: "False" }],
      containerStatuses: [
        {
          ...waiting("keepalived", "CrashLoopBackOff", "back-off 10s").containerStatuses[0],
          lastState: { terminated: { exitCode: 1, message } },
        },
      ],
    }),
  );

const partOf = (type: ConditionType, tools: Verdict = "InProgress") => ({ type, tools });

/** One trouble at a time for a cluster of three brokers, two OSS and two AAA nodes. */
export const TROUBLES: readonly Trouble[] = [
  {
    ...partOf("BrokerReady"),
    what: "an image of a broker cannot be pulled",
    reason: "PodsNotReady",
    names: ["2 of 3 pods of tv-broker", "tv-broker-1: container rabbitmq: ImagePullBackOff, no such image"],
    ...pod("tv-broker-1", waiting("rabbitmq", "ImagePullBackOff", "no such image")),
  },
  {
    ...partOf("OssReady"),
    what: "there is no room for an OSS pod",
    reason: "PodsNotReady",
    names: ["1 of 2 pods of tv-oss", "tv-oss-1: cannot be scheduled: 0/3 nodes are available"],
    ...pod("tv-oss-1", {
      conditions: [{ type: "PodScheduled", status: "False", message: "0/3 nodes are available" }],
    }),
  },
  {
    ...partOf("NodesReady"),
    what: "the container of an AAA node ends again and again",
    reason: "PodsNotReady",
    names: ["1 of 2 pods of tv-aaa", "tv-aaa-1: container node-service: CrashLoopBackOff, back-off 10s"],
    ...pod("tv-aaa-1", waiting("node-service", "CrashLoopBackOff", "back-off 10s")),
  },
  {
    ...partOf("NodesReady"),
    what: "the pod of an AAA node does not end",
    reason: "PodsNotReady",
    names: ["1 of 2 pods of tv-aaa", "tv-aaa-0: is terminating"],
    begin: async ({ kubernetes }) => {
      await kubernetes.patch(POD, "tv-aaa-0", { metadata: { finalizers: ["example.com/stuck"] } });
      await kubernetes.remove(POD, "tv-aaa-0");
    },
    end: ({ kubernetes }) => kubernetes.patch(POD, "tv-aaa-0", { metadata: { finalizers: null } }),
  },
  {
    ...partOf("GatewaysReady"),
    what: "a gateway has no server behind it",
    reason: "PodsNotReady",
    names: ["1 of 2 pods of tv-aaa-gateway", "tv-aaa-gateway-0: is starting"],
    ...pod("tv-aaa-gateway-0", { conditions: [{ type: "Ready", status: "False" }] }),
  },
  {
    ...partOf("OssReady"),
    what: "the OSS database is not ready",
    reason: "DatabaseNotReady",
    names: [
      "0 of 1 pods of tv-oss-database",
      "tv-oss-database-0: container postgresql: CrashLoopBackOff, disk is full",
    ],
    ...pod("tv-oss-database-0", waiting("postgresql", "CrashLoopBackOff", "disk is full")),
  },
  {
    ...partOf("BrokerReady"),
    what: "the broker refuses the operator",
    reason: "ManagementUnreachable",
    names: ["GET /", "401"],
    ...broker((stand) => {
      stand.refuses = true;
    }),
  },
  {
    ...partOf("BrokerReady"),
    what: "two of three brokers do not run",
    reason: "QuorumLost",
    names: ["brokers that do not run", "rabbit@tv-broker-1.", "rabbit@tv-broker-2."],
    ...broker((stand) => {
      stand.members = stand.members.map((one) => ({ ...one, running: one.name.includes("broker-0") }));
    }),
  },
  {
    ...partOf("BrokerReady"),
    what: "a queue lost its majority",
    reason: "QuorumLost",
    names: ["queues without a majority of their members: aaa.partition.tv-aaa-1"],
    ...broker((stand) => {
      stand.queues = stand.queues.map((queue) =>
        queue.name.endsWith("1") ? { ...queue, online: queue.online?.slice(1, 2) ?? [] } : queue,
      );
    }),
  },
  {
    ...partOf("BrokerReady"),
    what: "a broker did not join",
    reason: "MembersMissing",
    names: ["not in the RabbitMQ cluster: tv-broker-2"],
    ...broker((stand) => {
      stand.members = stand.members.slice(0, 2);
    }),
  },
  {
    ...partOf("BrokerReady"),
    what: "a broker is short of disk",
    reason: "AlarmRaised",
    names: ["rabbit@tv-broker-0.", "is short of disk"],
    ...broker((stand) => {
      stand.members = stand.members.map((one, index) => ({ ...one, disk_free_alarm: index === 0 }));
    }),
  },
  {
    ...partOf("BrokerFaultTolerant", "Current"),
    what: "a member of a queue is down",
    reason: "QuorumCritical",
    names: ["the loss of one more broker would stop broadcasts"],
    ...broker((stand) => {
      stand.queues = stand.queues.map((queue) => ({ ...queue, online: queue.online?.slice(1) ?? [] }));
    }),
  },
  {
    ...partOf("OssReady"),
    what: "no OSS pod broadcasts",
    reason: "NobodyRelays",
    names: ["no OSS pod says that it broadcasts"],
    ...said("tv-oss-0", { relaying: false }),
  },
  {
    ...partOf("NodesReady"),
    what: "there are no AAA nodes",
    reason: "NoReplicas",
    names: ["set spec.nodes.replicas to 1 or more"],
    ...spec({ nodes: { replicas: 0 } }, { nodes: { replicas: 2 } }),
  },
  {
    ...partOf("NodesReady"),
    what: "an AAA node is not synced",
    reason: "NodesNotSynced",
    names: ["not synced: tv-aaa-1"],
    ...said("tv-aaa-1", { synced: false }),
  },
  {
    ...partOf("NodesReady"),
    what: "an AAA node does not answer",
    reason: "NodesNotSynced",
    names: ["not synced: tv-aaa-0"],
    ...said("tv-aaa-0", undefined),
  },
  {
    ...partOf("NodesReady"),
    what: "the broker has no consumer for an AAA node",
    reason: "NodesNotConsuming",
    names: ["not consuming their queues: tv-aaa-1"],
    ...broker((stand) => {
      stand.queues = stand.queues.map((one) => (one.name.endsWith("1") ? { ...one, consumers: 0 } : one));
    }),
  },
  {
    ...partOf("NodesReady"),
    what: "an AAA node is behind",
    reason: "NodesBehind",
    names: ["behind for longer than spec.nodes.maxLagSeconds: tv-aaa-0"],
    ...said("tv-aaa-0", { behind: true, lag: 12, lagSeconds: 40 }),
  },
  {
    ...partOf("NodesConsistent", "Current"),
    what: "an AAA node was found to have another content than OSS",
    reason: "NodesDiffer",
    names: ["another content than OSS: tv-aaa-1"],
    ...said("tv-aaa-1", { differs: true }),
  },
  {
    ...partOf("NodesConsistent", "Current"),
    what: "two AAA nodes at one place of the stream have different content",
    reason: "NodesDiffer",
    names: ["at sequence 1000 of epoch 1: tv-aaa-0 has 00000000000000b2, tv-aaa-1 has 00000000000000a1"],
    ...said("tv-aaa-0", { digest: "00000000000000b2" }),
  },
  {
    ...partOf("GatewaysReady"),
    what: "a gateway's Service has no endpoint that is ready",
    reason: "EndpointsNotReady",
    names: ["Service tv-oss-gateway has no ready endpoint"],
    begin: ({ kubernetes }) => kubernetes.patch(ENDPOINT_SLICE, "tv-oss-gateway", { endpoints: [] }),
    end: ({ kubernetes }) => kubernetes.remove(ENDPOINT_SLICE, "tv-oss-gateway"),
  },
  {
    ...partOf("GatewaysReady"),
    what: "a load balancer gives no address",
    reason: "NoAddress",
    names: ["Service tv-aaa-gateway has no address yet"],
    ...spec({ nodes: { gateway: { service: { type: "LoadBalancer" } } } }, { nodes: { gateway: null } }),
  },
  {
    ...partOf("GatewaysReady"),
    what: "a virtual IP is asked for",
    reason: "VirtualIPNotHeld",
    names: ["nobody holds 192.0.2.10 of tv-aaa-gateway"],
    ...virtually(() => {}),
  },
  {
    ...partOf("GatewaysReady"),
    what: "two candidates hold the virtual IP",
    reason: "VirtualIPHeldTwice",
    names: ["192.0.2.10 of tv-aaa-gateway is held by tv-aaa-gateway-0 and tv-aaa-gateway-1"],
    ...virtually(({ said: says }) => {
      for (const ordinal of [0, 1])
        says.set(`tv-aaa-gateway-${ordinal}`, { servers: 2, virtualIP: "192.0.2.10", holds: 1 });
    }),
  },
  {
    ...partOf("GatewaysReady"),
    what: "there is one candidate for a virtual IP",
    reason: "TooFewCandidates",
    names: ["nobody would take over 192.0.2.10", "tv-aaa-gateway-1: is starting"],
    ...virtually(({ kubernetes }) =>
      kubernetes.setPod("tv-aaa-gateway-1", { conditions: [{ type: "Ready", status: "False" }] }),
    ),
  },
  {
    ...partOf("GatewaysReady"),
    what: "a Kubernetes node has another interface",
    reason: "InterfaceMissing",
    names: ["tv-aaa-gateway-1 on node", "no interface eth0: write one"],
    ...givesUp("InterfaceMissing: no interface eth0: write one\n"),
  },
  {
    ...partOf("GatewaysReady"),
    what: "a virtual IP is of another network",
    reason: "VirtualIPOutsideSubnet",
    names: ["tv-aaa-gateway-1 on node", "not in a subnet"],
    ...givesUp("VirtualIPOutsideSubnet: 192.0.2.10 is not in a subnet of eth0\n"),
  },
  {
    ...partOf("GatewaysReady"),
    what: "a stranger has the virtual IP",
    reason: "VirtualIPInUse",
    names: ["tv-aaa-gateway-1 on node", "is in use"],
    ...givesUp("VirtualIPInUse: 192.0.2.10 is in use by 02:00:00:00:00:01\n"),
  },
  {
    ...partOf("GatewaysReady"),
    what: "two gateways ask for one virtual router",
    reason: "VirtualRoutersClash",
    names: ["virtualRouterID 51 of tv-aaa-gateway is that of tv-oss-gateway of"],
    ...spec(
      {
        nodes: { gateway: { ...KEEPALIVED, virtualIP: "192.0.2.10" } },
        oss: { gateway: { ...KEEPALIVED, virtualIP: "192.0.2.11" } },
      },
      { nodes: { gateway: null }, oss: { gateway: null } },
    ),
  },
  {
    ...partOf("GatewaysReady"),
    what: "a gateway has not found the pods behind it",
    reason: "NoServerUp",
    names: ["no pod of tv-aaa-gateway knows one to send to"],
    begin: ({ said: says }) => {
      for (const ordinal of [0, 1]) says.set(`tv-aaa-gateway-${ordinal}`, { servers: 0 });
    },
    end: ({ said: says }) => {
      for (const ordinal of [0, 1]) says.set(`tv-aaa-gateway-${ordinal}`, { servers: 2 });
    },
  },
  {
    ...partOf("Reconciling"),
    what: "another image is asked for",
    reason: "RollingOut",
    names: ["tv-aaa"],
    ...spec({ nodes: { image: "node:2" } }, { nodes: { image: null } }),
  },
  {
    ...partOf("Reconciling", "Current"),
    what: "it is paused",
    reason: "Paused",
    names: ["spec.paused is true"],
    ...spec({ paused: true }, { paused: false }),
  },
  {
    ...partOf("Reconciling"),
    what: "a quota is used up",
    reason: "ApplyFailed",
    names: ["services", "tv-aaa-gateway", "exceeded quota"],
    begin: async ({ kubernetes }) => {
      const hard = { services: "8" };
      await kubernetes.create(RESOURCE_QUOTA, { metadata: { name: "full" }, spec: { hard } });
      await kubernetes.patch(RESOURCE_QUOTA, "full", { status: { hard, used: hard } }, "status");
      await kubernetes.remove(SERVICE, "tv-aaa-gateway");
    },
    end: ({ kubernetes }) => kubernetes.remove(RESOURCE_QUOTA, "full"),
  },
  {
    ...partOf("Stalled", "Failed"),
    what: "a Service of somebody else has the name of one of its own",
    reason: "ForeignObject",
    names: ["Service", "/tv-aaa-gateway exists and does not belong to AaaCluster tv: delete or rename it"],
    begin: ({ kubernetes }) =>
      kubernetes.patch(SERVICE, "tv-aaa-gateway", { metadata: { ownerReferences: null, labels: null } }),
    end: ({ kubernetes }) => kubernetes.remove(SERVICE, "tv-aaa-gateway"),
  },
  {
    ...partOf("Stalled", "Failed"),
    what: "a port is asked for that no Service may have",
    reason: "InvalidObject",
    names: ["Service", "tv-aaa-gateway", "nodePort"],
    ...spec(
      { nodes: { gateway: { service: { type: "NodePort", nodePort: 80 } } } },
      { nodes: { gateway: { service: null } } },
    ),
  },
  {
    ...partOf("BrokerReady"),
    what: "the Secret of the brokers' certificate does not exist",
    reason: "SecretInvalid",
    names: ["Secret", "/no-such-secret, which spec.broker.tls.secretName names, does not exist", "tls.crt and tls.key"],
    ...spec({ broker: { tls: { secretName: "no-such-secret" } } }, { broker: { tls: null } }),
  },
];
