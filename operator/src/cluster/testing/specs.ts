import type { SchedulingSpec } from "../../api/fields.ts";
import type { AaaClusterSpec } from "../../api/schema.ts";
import type { Partially } from "./fixtures.ts";

/** Specs that differ in what is built for them. */

const scheduling: SchedulingSpec = {
  spread: "Required",
  nodeSelector: { disk: "ssd" },
  tolerations: [{ key: "dedicated", operator: "Equal", value: "tv", effect: "NoSchedule" }],
  priorityClassName: "gold",
};

const gateway = (octet: number) => ({
  replicas: 3,
  nodeSelector: { edge: "yes" },
  resources: { requests: { cpu: "1" }, limits: { memory: "1Gi" } },
  service: {
    type: "LoadBalancer" as const,
    annotations: { "example.com/pool": "tv" },
    loadBalancerClass: "example.com/lb",
    loadBalancerSourceRanges: [`192.0.2.${octet}/32`],
  },
});

const storage = { size: "10Gi", storageClassName: "fast" };
const resources = { requests: { cpu: "500m", memory: "1Gi" }, limits: { memory: "2Gi" } };

/** Everything that can be written for a cluster with a broker and a database of its own. */
export const FULL: Partially<AaaClusterSpec> = {
  broker: {
    replicas: 5,
    image: "my-rabbitmq:2",
    storage,
    resources,
    scheduling,
    additionalConfig: "heartbeat = 20",
    tls: { secretName: "broker-tls" },
    queue: { maxLength: 10, maxLengthBytes: 1_000_000, deliveryLimit: 3, expiresAfterSeconds: 60 },
    gateway: gateway(1),
  },
  oss: {
    replicas: 3,
    image: "my-oss:2",
    exchange: "broadcasts",
    resources,
    scheduling,
    database: { image: "my-postgresql:2", storage, resources },
    gateway: { ...gateway(2), tls: { secretName: "oss-tls" } },
  },
  nodes: {
    replicas: 7,
    image: "my-node:2",
    resources,
    scheduling,
    database: { image: "my-postgresql:3", storage, resources },
    maxLagSeconds: 5,
    staleReads: "Refuse",
    gateway: { ...gateway(3), tls: { secretName: "boxes-tls" } },
  },
};

export const EXTERNAL_BROKER: Partially<AaaClusterSpec> = { broker: { external: { secretName: "my-broker" } } };
export const EXTERNAL_DATABASE: Partially<AaaClusterSpec> = {
  oss: { database: { externalSecretName: "my-database" } },
};
export const WITH_TLS: Partially<AaaClusterSpec> = { broker: { tls: { secretName: "broker-tls" } } };
export const WITH_HTTPS: Partially<AaaClusterSpec> = {
  oss: { gateway: { tls: { secretName: "oss-tls" } } },
  nodes: { gateway: { tls: { secretName: "boxes-tls" } } },
};
export const ALL_EXTERNAL: Partially<AaaClusterSpec> = {
  broker: { external: { secretName: "my-broker" }, tls: { secretName: "broker-tls" } },
  ...EXTERNAL_DATABASE,
};

/** One spec of each shape: what the names say is in it. */
export const SHAPES: readonly (readonly [string, Partially<AaaClusterSpec>])[] = [
  ["nothing", {}],
  ["everything", FULL],
  ["TLS", WITH_TLS],
  ["HTTPS", WITH_HTTPS],
  ["an external broker", EXTERNAL_BROKER],
  ["an external database", EXTERNAL_DATABASE],
  ["an external broker with TLS and an external database", ALL_EXTERNAL],
];
