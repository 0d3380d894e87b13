import Value from "typebox/value";
import type { AaaCluster } from "../../api/aaacluster.ts";
import { type AaaClusterSpec, Spec } from "../../api/schema.ts";
import type { BrokerReport } from "../broker/index.ts";
import { type Gateway, gatewaysOf } from "../build/gateways.ts";
import type { GatewayWorkload, Observed, Workload } from "../observe.ts";
import type { NodeReport } from "../services.ts";
import type { Settings } from "../settings.ts";
import { type ValidatedCluster, validate } from "../validate.ts";

/** Any part of it. */
export type Partially<T> = { readonly [K in keyof T]?: T[K] extends object ? Partially<T[K]> : T[K] };

export const SETTINGS: Settings = {
  version: "test",
  images: {
    nodeService: "node:1",
    ossService: "oss:1",
    rabbitmq: "rabbitmq:1",
    haproxy: "haproxy:1",
    keepalived: "keepalived:1",
    postgresql: "postgresql:1",
  },
  clusterDomain: "cluster.local",
  namespaces: [],
  metricsPort: 0,
  healthPort: 0,
};

/** The AaaCluster `tv` in namespace `aaa` as the API server gives it: what is asked for, and defaults. */
export function anAaaCluster(spec: Partially<AaaClusterSpec> = {}): AaaCluster {
  return {
    apiVersion: "aaacluster.io/v1alpha1",
    kind: "AaaCluster",
    metadata: { name: "tv", namespace: "aaa", uid: "uid-of-tv", generation: 3 },
    spec: Value.Default(Spec, structuredClone(spec)) as AaaClusterSpec,
  };
}

/** The same, validated. */
export function aCluster(spec: Partially<AaaClusterSpec> = {}): ValidatedCluster {
  return validate(anAaaCluster(spec), SETTINGS);
}

/** One gateway of such a cluster, as it is built. */
export function gatewayOf(component: Gateway["component"], spec: Partially<AaaClusterSpec> = {}): Gateway {
  const found = gatewaysOf(aCluster(spec)).find((one) => one.component === component);
  if (found === undefined) throw new Error(`no gateway ${component}`);
  return found;
}

const allReady = (name: string, wanted: number): Workload => ({
  name,
  wanted,
  existing: wanted,
  ready: wanted,
  settled: true,
  problems: [],
});

const gateway = (component: GatewayWorkload["component"], port: number): GatewayWorkload => ({
  ...allReady(`tv-${component}`, 2),
  component,
  readyEndpoints: 2,
  reports: [0, 1].map((ordinal) => ({ pod: `tv-${component}-${ordinal}`, servers: 2 })),
  address: `tv-${component}.aaa.svc:${port}`,
});

/** The same gateways, of which this one is in Keepalived mode, with two candidates on nodes n1 and n2. */
export function withVirtualIP(
  component: GatewayWorkload["component"],
  holders: readonly string[],
  { clashes = [], troubles = [], ...changes }: Partial<GatewayWorkload & Required<GatewayWorkload>["virtual"]> = {},
): readonly GatewayWorkload[] {
  return allIsWell().gateways.map((one) => {
    if (one.component !== component) return one;
    const ip = "192.0.2.10";
    const holding = (node: string) => (holders.includes(node) ? { holds: ip } : {});
    const reports = ["n1", "n2"].map((node) => ({ pod: node, node, servers: 2, ...holding(node) }));
    return { ...one, reports, virtual: { ip, id: 51, clashes, troubles }, ...changes };
  });
}

const member = (ordinal: number) => ({
  name: `rabbit@tv-broker-${ordinal}.tv-broker-nodes.aaa.svc.cluster.local`,
  running: true,
});

/** What a broker says with which all is well: three members, and a queue with its consumer for each of two nodes. */
export function wellBroker(
  changes: Partial<Extract<BrokerReport, { reachable: true }>> = {},
): Extract<BrokerReport, { reachable: true }> {
  const members = [0, 1, 2].map(member);
  const names = members.map(({ name }) => name);
  return {
    reachable: true,
    version: "4.0.5",
    members,
    queues: ["tv-aaa-0", "tv-aaa-1"].map((pod) => ({
      name: `aaa.partition.${pod}`,
      consumers: 1,
      members: names,
      online: names,
    })),
    repaired: [],
    ...changes,
  };
}

/** What the two nodes of a cluster say with which all is well. */
export const wellNodes: readonly NodeReport[] = ["tv-aaa-0", "tv-aaa-1"].map((name) => ({
  name,
  queue: `aaa.partition.${name}`,
  epoch: "1",
  sequence: "1000",
  digest: "00000000000000a1",
  lag: 0,
  lagSeconds: 0,
  synced: true,
  consuming: true,
  behind: false,
  differs: false,
}));

/** What is observed of a cluster in which all is well. */
export function allIsWell(changes: Partial<Observed> = {}): Observed {
  return {
    broker: allReady("tv-broker", 3),
    oss: allReady("tv-oss", 2),
    ossDatabase: allReady("tv-oss-database", 1),
    nodes: allReady("tv-aaa", 2),
    gateways: [gateway("broker-gateway", 5670), gateway("oss-gateway", 6070), gateway("aaa-gateway", 6060)],
    brokerReport: wellBroker(),
    nodeReports: wellNodes,
    relaying: true,
    ...changes,
  };
}
