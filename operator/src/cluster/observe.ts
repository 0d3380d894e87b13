import type { AaaCluster } from "../api/aaacluster.ts";
import type { Applier } from "../kube/index.ts";
import type { BrokerReport } from "./broker/index.ts";
import { type Gateway, gatewaysOf } from "./build/gateways.ts";
import { type CandidateTrouble, troubleOf } from "./candidates.ts";
import { DEPLOYMENT, SERVICE, STATEFUL_SET } from "./kinds.ts";
import type { Component } from "./labels.ts";
import { hostAndPort, isOver, isReady, podProblem } from "./pods.ts";
import { type GatewayReport, gatewayReport, isRelaying, type NodeReport, nodeReport } from "./services.ts";
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

/** The pods of a gateway, and what is in front of them. */
export interface GatewayWorkload extends Workload {
  readonly component: Gateway["component"];
  /** Endpoints of its Service that are ready. */
  readonly readyEndpoints: number;
  /** Where clients find it, as host:port; absent while there is nowhere. */
  readonly address?: string;
  /** What each of its pods says. */
  readonly reports: readonly GatewayReport[];
  /** In Keepalived mode, the address that one of its pods shall hold. */
  readonly virtual?: {
    readonly ip: string;
    /** Its virtual router's number; absent while it never had what it asks for. */
    readonly id?: number;
    readonly troubles: readonly CandidateTrouble[];
    /** What it asks for and another gateway has. */
    readonly clashes: readonly string[];
  };
}

/** All that status is computed from. */
export interface Observed {
  readonly broker: Workload;
  readonly oss: Workload;
  readonly ossDatabase: Workload;
  readonly nodes: Workload;
  readonly gateways: readonly GatewayWorkload[];
  readonly brokerReport: BrokerReport;
  readonly nodeReports: readonly NodeReport[];
  /** Whether an OSS pod broadcasts. */
  readonly relaying: boolean;
}

interface Observer {
  readonly world: World;
  readonly applier: Applier;
}

/** Looks at everything that exists of a cluster, and asks its services how they are. */
export async function observe(
  { world, applier }: Observer,
  object: AaaCluster,
  cluster: ValidatedCluster,
  brokerReport: BrokerReport,
): Promise<Observed> {
  const { names, broker, oss, nodes } = cluster;
  const sets = world.children<LiveStatefulSet>(STATEFUL_SET, object);
  const deployments = world.children<LiveDeployment>(DEPLOYMENT, object);
  // What the cache shows may be from before this reconcile wrote, and would look settled.
  const controllers = [...sets, ...deployments].map((controller) => applier.latest(controller));
  const workload = (name: string, component: Component, wanted: number): Workload =>
    workloadOf(
      name,
      wanted,
      world.pods(object, component).filter((pod) => !isOver(pod)),
      controllers.find(({ metadata }) => metadata.name === name),
    );
  /** One that the user has of his own: only what was built before may have to go. */
  const external = (name: string, component: Component): Workload => {
    const left = workload(name, component, 0);
    return { ...left, settled: left.existing === 0 };
  };
  const gatewayOf = async (gateway: Gateway): Promise<GatewayWorkload> => {
    const pods = world.pods(object, gateway.component);
    const reports = await Promise.all(pods.map((pod) => gatewayReport(pod, gateway.healthPort)));
    return {
      ...workload(gateway.name, gateway.component, gateway.spec.replicas),
      ...entranceOf(world, object, cluster.namespace, gateway, reports),
      reports,
    };
  };
  const [nodeReports, relays, gateways] = await Promise.all([
    Promise.all(world.pods(object, "aaa").map(nodeReport)),
    Promise.all(world.pods(object, "oss").map(isRelaying)),
    Promise.all(gatewaysOf(cluster).map(gatewayOf)),
  ]);
  return {
    broker:
      broker.external === undefined
        ? workload(names.brokerPods, "broker", broker.replicas)
        : external(names.brokerPods, "broker"),
    oss: workload(names.oss, "oss", oss.replicas),
    ossDatabase:
      oss.database.externalSecretName === undefined
        ? workload(names.ossDatabase, "oss-database", 1)
        : external(names.ossDatabase, "oss-database"),
    nodes: workload(names.aaa, "aaa", nodes.replicas),
    gateways,
    brokerReport,
    nodeReports,
    relaying: relays.includes(true),
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

/** The Kubernetes nodes that hold a virtual IP, as their pods say. */
export function holdersOf(reports: readonly GatewayReport[], ip: string): readonly string[] {
  return reports.flatMap(({ holds, node, pod }) => (holds === ip ? [node ?? pod] : []));
}

/** The virtual IP at which one pod answers, and no other: while a new one is not held yet, the one before. */
export function heldIP(reports: readonly GatewayReport[], wanted: string): string | undefined {
  const held = [wanted, ...reports.flatMap(({ holds }) => holds ?? [])];
  return held.find((ip) => holdersOf(reports, ip).length === 1);
}

function entranceOf(
  world: World,
  object: AaaCluster,
  namespace: string,
  gateway: Gateway,
  reports: readonly GatewayReport[],
): Omit<GatewayWorkload, keyof Workload | "reports"> {
  const { component, name, port, vrrp } = gateway;
  const service = world.children<LiveService>(SERVICE, object).find(({ metadata }) => metadata.name === name);
  const readyEndpoints = service === undefined ? 0 : world.readyEndpoints(object, name);
  const pods = world.pods(object, component);
  if (vrrp !== undefined) {
    const { ip, clashes } = vrrp;
    const kept = object.status?.gateways?.find((one) => one.name === name)?.virtualRouterID;
    const id = clashes.length === 0 ? vrrp.id : kept;
    const held = heldIP(reports, ip);
    const troubles = pods.flatMap((pod) => troubleOf(pod) ?? []);
    return {
      component,
      readyEndpoints,
      ...(held === undefined ? {} : { address: hostAndPort(held, port) }),
      virtual: { ip, ...(id === undefined ? {} : { id }), troubles, clashes },
    };
  }
  const address = addressOf(gateway, namespace, service, pods.filter(isReady));
  return { component, readyEndpoints, ...(address === undefined ? {} : { address }) };
}

/** Where clients find a gateway, as host:port; undefined while there is nowhere. */
export function addressOf(
  { name, port }: Pick<Gateway, "name" | "port">,
  namespace: string,
  service: LiveService | undefined,
  readyPods: readonly LivePod[],
): string | undefined {
  if (service === undefined) return undefined;
  const { spec, status } = service;
  if (spec?.type === "LoadBalancer") {
    const [ingress] = status?.loadBalancer?.ingress ?? [];
    const host = ingress?.ip ?? ingress?.hostname;
    return host === undefined ? undefined : hostAndPort(host, port);
  }
  if (spec?.type === "NodePort") {
    const host = readyPods[0]?.status?.hostIP;
    const nodePort = spec.ports?.[0]?.nodePort;
    return host === undefined || nodePort === undefined ? undefined : hostAndPort(host, nodePort);
  }
  return `${name}.${namespace}.svc:${port}`;
}
