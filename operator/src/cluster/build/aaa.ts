import type { V1Container, V1StatefulSet } from "@kubernetes/client-node";
import { componentLabels, selectorLabels } from "../labels.ts";
import { PORTS } from "../names.ts";
import type { ValidatedCluster } from "../validate.ts";
import { brokerCredentialsMount, brokerCredentialsVolume, brokerEnv } from "./broker-client.ts";
import { dataVolume, env, podNameEnv, restrictedContainer, restrictedPod, serviceProbes } from "./pod.ts";
import { postgresqlContainer, SOCKET_DIR } from "./postgresql.ts";
import { headlessService, type ServiceManifest } from "./service.ts";

// node-service drains for 4 s, closes within 10 s, sends its accounting records for up to 20 s, and its database ends after it.
const GRACE_SECONDS = 45;

export function aaaNodesService(cluster: ValidatedCluster): ServiceManifest {
  return headlessService(cluster, "aaa", cluster.names.aaaNodes, [{ name: "http", port: PORTS.aaa }]);
}

/** The AAA nodes: node-service and its own PostgreSQL in each pod. */
export function aaaStatefulSet(cluster: ValidatedCluster): V1StatefulSet & { metadata: { name: string } } {
  const { name, names, nodes } = cluster;
  return {
    metadata: { name: names.aaa, labels: componentLabels(name, "aaa") },
    spec: {
      replicas: nodes.replicas,
      serviceName: names.aaaNodes,
      podManagementPolicy: "Parallel",
      selector: { matchLabels: selectorLabels(name, "aaa") },
      ...dataVolume(cluster, nodes.database.storage),
      template: {
        metadata: { labels: componentLabels(name, "aaa") },
        spec: restrictedPod(cluster, "aaa", nodes.scheduling, {
          terminationGracePeriodSeconds: GRACE_SECONDS,
          initContainers: [nodeDatabase(cluster)],
          containers: [nodeService(cluster)],
          volumes: [
            { name: "postgresql", emptyDir: {} },
            { name: "tmp", emptyDir: {} },
            brokerCredentialsVolume(cluster, "node"),
            { name: "signing-keys", secret: { secretName: names.signingKeys } },
          ],
        }),
      },
    },
  };
}

/** A native sidecar: up before node-service starts, and until it has ended. It listens on nothing but its socket. */
function nodeDatabase({ nodes }: ValidatedCluster): V1Container {
  const { image, resources } = nodes.database;
  const container = postgresqlContainer({
    image,
    resources,
    args: ["-c", "listen_addresses="],
    user: "aaa",
    authentication: env({ POSTGRES_HOST_AUTH_METHOD: "trust" }),
    probeHost: SOCKET_DIR,
  });
  return { ...container, restartPolicy: "Always" };
}

function nodeService(cluster: ValidatedCluster): V1Container {
  const { nodes, oss } = cluster;
  return restrictedContainer({
    name: "node-service",
    image: nodes.image,
    env: [
      podNameEnv("PARTITION"),
      ...env({
        PORT: String(PORTS.aaa),
        PGHOST: SOCKET_DIR,
        PGDATABASE: "aaa",
        PGUSER: "aaa",
        SIGNING_KEYS_FILE: "/run/secrets/signing-keys/jwks.json",
        OSS_EXCHANGE: oss.exchange,
        MAX_LAG_SECONDS: String(nodes.maxLagSeconds),
        STALE_READS: nodes.staleReads,
      }),
      ...brokerEnv(cluster),
    ],
    resources: nodes.resources,
    ports: [{ name: "http", containerPort: PORTS.aaa }],
    ...serviceProbes(PORTS.aaa),
    volumeMounts: [
      { name: "tmp", mountPath: "/tmp" },
      { name: "postgresql", mountPath: SOCKET_DIR },
      brokerCredentialsMount,
      { name: "signing-keys", mountPath: "/run/secrets/signing-keys", readOnly: true },
    ],
  });
}
