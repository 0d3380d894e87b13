import type { AaaCluster } from "../api/aaacluster.ts";
import type { Partition } from "../api/status.ts";
import type { Applier } from "../kube/index.ts";
import type { BrokerReport } from "./broker/index.ts";
import { type Gateway, gatewaysOf } from "./build/gateways.ts";
import { DEPLOYMENT, SERVICE, STATEFUL_SET } from "./kinds.ts";
import type { Component } from "./labels.ts";
import { PORTS, partitionQueue } from "./names.ts";
import { addressOf, isReady, podProblem } from "./pods.ts";
import type { ValidatedCluster } from "./validate.ts";
import type { LiveDeployment, LivePod, LiveService, LiveStatefulSet, World } from "./world.ts";

/** The pods of one component against what was asked for. */
export interface Workload {
  readonly name: string;
  readonly wanted: number;
  readonly existing: number;
  readonly ready: number;
  /** Whether its controller has seen the newest version and every pod runs it. */
  readonly settled: boolean;
  /** What is wrong with pods that are not ready, naming them. */
  readonly problems: readonly string[];
}

/** All that status is computed from. */
export interface Observed {
  readonly broker: Workload;
  readonly oss: Workload;
  readonly ossDatabase: Workload;
  readonly nodes: Workload;
  readonly gateways: readonly Workload[];
  readonly brokerReport: BrokerReport;
  readonly partitions: readonly Partition[];
  readonly endpoints: { readonly broker?: string; readonly oss?: string; readonly aaa?: string };
}

const PARTITION_TIMEOUT_MS = 2_000;

/** Looks at everything that exists of a cluster, and asks each AAA node how far it is. */
export async function observe(
  { world, applier }: { readonly world: World; readonly applier: Applier },
  object: AaaCluster,
  cluster: ValidatedCluster,
  brokerReport: BrokerReport,
): Promise<Observed> {
  const { names, broker, oss, nodes } = cluster;
  const sets = world.children<LiveStatefulSet>(STATEFUL_SET, object);
  const deployments = world.children<LiveDeployment>(DEPLOYMENT, object);
  const services = world.children<LiveService>(SERVICE, object);
  // What the cache shows may be from before this reconcile wrote, and would look settled.
  const controllers = [...sets, ...deployments].map((controller) => applier.latest(controller));
  const workload = (name: string, component: Component, wanted: number): Workload =>
    workloadOf(
      name,
      wanted,
      world.pods(object, component),
      controllers.find(({ metadata }) => metadata.name === name),
    );
  const endpoint = (gateway: Gateway): string | undefined =>
    endpointOf(
      gateway,
      cluster.namespace,
      services.find(({ metadata }) => metadata.name === gateway.name),
      world.pods(object, gateway.component).filter(isReady),
    );
  const gateways = gatewaysOf(cluster);
  const [brokerAt, ossAt, aaaAt] = gateways.map(endpoint);
  return {
    broker: workload(names.brokerPods, "broker", broker.replicas),
    oss: workload(names.oss, "oss", oss.replicas),
    ossDatabase: workload(names.ossDatabase, "oss-database", 1),
    nodes: workload(names.aaa, "aaa", nodes.replicas),
    gateways: gateways.map(({ name, component, spec }) => workload(name, component, spec.replicas)),
    brokerReport,
    partitions: await Promise.all(world.pods(object, "aaa").map(partitionOf)),
    endpoints: {
      ...(brokerAt === undefined ? {} : { broker: brokerAt }),
      ...(ossAt === undefined ? {} : { oss: ossAt }),
      ...(aaaAt === undefined ? {} : { aaa: aaaAt }),
    },
  };
}

function workloadOf(
  name: string,
  wanted: number,
  pods: readonly LivePod[],
  controller: LiveStatefulSet | LiveDeployment | undefined,
): Workload {
  const { status, metadata } = controller ?? {};
  return {
    name,
    wanted,
    existing: pods.length,
    ready: pods.filter(isReady).length,
    settled:
      (status?.observedGeneration ?? -1) >= (metadata?.generation ?? 0) &&
      (status?.updatedReplicas ?? 0) >= wanted &&
      pods.length === wanted,
    problems: pods.flatMap((pod) => (isReady(pod) ? [] : [`${pod.metadata.name}: ${podProblem(pod)}`])),
  };
}

/** Where clients find a gateway, as host:port; undefined while there is nowhere. */
function endpointOf(
  { name, port }: Gateway,
  namespace: string,
  service: LiveService | undefined,
  readyPods: readonly LivePod[],
): string | undefined {
  if (service === undefined) return undefined;
  const { spec, status } = service;
  if (spec?.type === "LoadBalancer") {
    const [ingress] = status?.loadBalancer?.ingress ?? [];
    const host = ingress?.ip ?? ingress?.hostname;
    return host === undefined ? undefined : `${host}:${port}`;
  }
  if (spec?.type === "NodePort") {
    const host = readyPods[0]?.status?.hostIP;
    const nodePort = spec.ports?.[0]?.nodePort;
    return host === undefined || nodePort === undefined ? undefined : `${host}:${nodePort}`;
  }
  return `${name}.${namespace}.svc:${port}`;
}

/** How far an AAA node is, as it says itself. One that does not answer is not synced. */
async function partitionOf(pod: LivePod): Promise<Partition> {
  const name = pod.metadata.name;
  const silent: Partition = { name, queue: partitionQueue(name), synced: false };
  const address = addressOf(pod, PORTS.aaa);
  if (address === undefined || pod.metadata.deletionTimestamp !== undefined) return silent;
  try {
    const signal = AbortSignal.timeout(PARTITION_TIMEOUT_MS);
    const response = await fetch(`http://${address}/v1/partition`, { signal });
    if (!response.ok) return silent;
    const { queue, epoch, sequence, lag, synced } = (await response.json()) as Partition;
    return {
      name,
      queue,
      ...(epoch === undefined ? {} : { epoch }),
      ...(sequence === undefined ? {} : { sequence }),
      ...(lag === undefined ? {} : { lag }),
      synced,
    };
  } catch {
    return silent;
  }
}
