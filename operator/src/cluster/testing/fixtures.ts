import Value from "typebox/value";
import type { AaaCluster } from "../../api/aaacluster.ts";
import { type AaaClusterSpec, Spec } from "../../api/schema.ts";
import type { Observed, Workload } from "../observe.ts";
import type { Settings } from "../settings.ts";
import { type ValidatedCluster, validate } from "../validate.ts";

type Partially<T> = { readonly [K in keyof T]?: T[K] extends object ? Partially<T[K]> : T[K] };

export const SETTINGS: Settings = {
  version: "test",
  images: {
    nodeService: "node:1",
    ossService: "oss:1",
    rabbitmq: "rabbitmq:1",
    haproxy: "haproxy:1",
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

const allReady = (name: string, wanted: number): Workload => ({
  name,
  wanted,
  existing: wanted,
  ready: wanted,
  settled: true,
  problems: [],
});

/** What is observed of a cluster in which all is well. */
export function allIsWell(changes: Partial<Observed> = {}): Observed {
  return {
    broker: allReady("tv-broker", 3),
    oss: allReady("tv-oss", 2),
    ossDatabase: allReady("tv-oss-database", 1),
    nodes: allReady("tv-aaa", 2),
    gateways: [allReady("tv-broker-gateway", 2), allReady("tv-oss-gateway", 2), allReady("tv-aaa-gateway", 2)],
    brokerReport: { reachable: true, members: 3, repaired: [] },
    partitions: ["tv-aaa-0", "tv-aaa-1"].map((name) => ({
      name,
      queue: `aaa.partition.${name}`,
      epoch: "1",
      sequence: "1000",
      lag: 0,
      synced: true,
    })),
    endpoints: { broker: "b:5670", oss: "o:6070", aaa: "a:6060" },
    ...changes,
  };
}
