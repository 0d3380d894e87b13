import type { Component } from "./labels.ts";

/** Every name of every child, in one place. `tv` in namespace `aaa` gives `tv-broker`, `tv-aaa-0`, ... */
export interface Names {
  readonly root: string;
  readonly brokerPods: string;
  readonly brokerNodes: string;
  readonly brokerManagement: string;
  readonly brokerConfig: string;
  readonly brokerGateway: string;
  readonly brokerAdmin: string;
  readonly brokerOss: string;
  readonly brokerNode: string;
  readonly externalBrokerOss: string;
  readonly externalBrokerNode: string;
  readonly erlangCookie: string;
  readonly oss: string;
  readonly ossNodes: string;
  readonly ossGateway: string;
  readonly ossDatabase: string;
  readonly ossApi: string;
  readonly aaa: string;
  readonly aaaNodes: string;
  readonly aaaGateway: string;
  readonly signingKeys: string;
}

/** The names of the children of the AaaCluster of this name. */
export function namesOf(cluster: string): Names {
  return {
    root: `${cluster}-root`,
    brokerPods: `${cluster}-broker`,
    brokerNodes: `${cluster}-broker-nodes`,
    brokerManagement: `${cluster}-broker`,
    brokerConfig: `${cluster}-broker-config`,
    brokerGateway: `${cluster}-broker-gateway`,
    brokerAdmin: `${cluster}-broker-admin`,
    brokerOss: `${cluster}-broker-oss`,
    brokerNode: `${cluster}-broker-node`,
    externalBrokerOss: `${cluster}-broker-external-oss`,
    externalBrokerNode: `${cluster}-broker-external-node`,
    erlangCookie: `${cluster}-broker-erlang-cookie`,
    oss: `${cluster}-oss`,
    ossNodes: `${cluster}-oss-nodes`,
    ossGateway: `${cluster}-oss-gateway`,
    ossDatabase: `${cluster}-oss-database`,
    ossApi: `${cluster}-oss-api`,
    aaa: `${cluster}-aaa`,
    aaaNodes: `${cluster}-aaa-nodes`,
    aaaGateway: `${cluster}-aaa-gateway`,
    signingKeys: `${cluster}-signing-keys`,
  };
}

/** The name of what a component has one of: its workload, its ServiceAccount, its NetworkPolicy. */
export function componentName(cluster: string, component: Component): string {
  return `${cluster}-${component}`;
}

/** Ports, as clients and pods see them. */
export const PORTS = {
  amqp: 5672,
  amqps: 5671,
  management: 15672,
  managementTls: 15671,
  epmd: 4369,
  erlangDistribution: 25672,
  brokerPrometheus: 15692,
  brokerGateway: 5670,
  oss: 6700,
  ossGateway: 6070,
  ossDatabase: 5432,
  aaa: 6600,
  aaaGateway: 6060,
  haproxyHealth: 8404,
  /** On the network of Kubernetes nodes every gateway has ports of its own: these plus its virtualRouterID. */
  keepalivedHealth: 28_000,
  keepalivedEntrance: 28_300,
} as const;

/** Where RabbitMQ's tools listen for what the other brokers have to say, as `rabbitmqctl list_queues` does. */
export const BROKER_TOOL_PORTS = { first: 35672, last: 35682 } as const;

/** The virtual host, exchanges, users and queues at the broker. */
export const BROKER = {
  vhost: "aaa",
  requestsExchange: "oss_requests",
  ossUser: "oss",
  nodeUser: "node",
  partitionPrefix: "aaa.partition.",
  partitionPolicy: "aaa-partitions",
  snapshotRequestsQueue: "oss.snapshot-requests",
  snapshotRequestsKey: "snapshot",
  accountingExchange: "accounting",
  accountingQueue: "oss.accounting",
  accountingKey: "record",
  accountingPolicy: "oss-accounting",
} as const;

/** The queue of an AAA pod. */
export function partitionQueue(pod: string): string {
  return BROKER.partitionPrefix + pod;
}
