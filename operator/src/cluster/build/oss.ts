import type { V1Container, V1EnvVar, V1StatefulSet } from "@kubernetes/client-node";
import { componentLabels, selectorLabels } from "../labels.ts";
import { PORTS } from "../names.ts";
import type { ValidatedCluster } from "../validate.ts";
import { brokerCredentialsMount, brokerCredentialsVolume, brokerEnv } from "./broker-client.ts";
import { env, podNameEnv, restrictedContainer, restrictedPod, secretEnv, serviceProbes } from "./pod.ts";
import { headlessService, type ServiceManifest } from "./service.ts";

export function ossNodesService(cluster: ValidatedCluster): ServiceManifest {
  return headlessService(cluster, "oss", cluster.names.ossNodes, [{ name: "http", port: PORTS.oss }]);
}

/** The OSS pods. They keep nothing themselves. */
export function ossStatefulSet(cluster: ValidatedCluster): V1StatefulSet & { metadata: { name: string } } {
  const { name, names, oss } = cluster;
  return {
    metadata: { name: names.oss, labels: componentLabels(name, "oss") },
    spec: {
      replicas: oss.replicas,
      serviceName: names.ossNodes,
      podManagementPolicy: "Parallel",
      selector: { matchLabels: selectorLabels(name, "oss") },
      template: {
        metadata: { labels: componentLabels(name, "oss") },
        spec: restrictedPod(cluster, "oss", oss.scheduling, {
          containers: [ossService(cluster)],
          volumes: [
            { name: "tmp", emptyDir: {} },
            brokerCredentialsVolume(cluster, "oss"),
            { name: "database-credentials", secret: { secretName: databaseSecret(cluster) } },
            { name: "api-token", secret: { secretName: names.ossApi } },
          ],
        }),
      },
    },
  };
}

const DATABASE_DIR = "/run/secrets/database";

function databaseSecret({ names, oss }: ValidatedCluster): string {
  return oss.database.externalSecretName ?? names.ossDatabase;
}

/** Where the database is, in libpq's variables. An external one is described by its Secret, as CloudNativePG writes it. */
function databaseEnv({ names, namespace, oss }: ValidatedCluster): V1EnvVar[] {
  const secret = oss.database.externalSecretName;
  if (secret === undefined) {
    return env({
      PGHOST: `${names.ossDatabase}.${namespace}.svc`,
      PGPORT: String(PORTS.ossDatabase),
      PGDATABASE: "oss",
      PGUSER: "oss",
    });
  }
  return [
    secretEnv("PGHOST", secret, "host"),
    secretEnv("PGPORT", secret, "port"),
    secretEnv("PGDATABASE", secret, "dbname"),
    secretEnv("PGUSER", secret, "username"),
    secretEnv("PGSSLMODE", secret, "sslmode", true),
    ...env({ PGSSLROOTCERT: `${DATABASE_DIR}/ca.crt` }),
  ];
}

function ossService(cluster: ValidatedCluster): V1Container {
  const { oss } = cluster;
  return restrictedContainer({
    name: "oss-service",
    image: oss.image,
    env: [
      podNameEnv("INSTANCE"),
      ...env({
        PORT: String(PORTS.oss),
        DATABASE_PASSWORD_FILE: `${DATABASE_DIR}/password`,
        API_TOKEN_FILE: "/run/secrets/api/token",
        OSS_EXCHANGE: oss.exchange,
      }),
      ...brokerEnv(cluster),
      ...databaseEnv(cluster),
    ],
    resources: oss.resources,
    ports: [{ name: "http", containerPort: PORTS.oss }],
    ...serviceProbes(PORTS.oss),
    volumeMounts: [
      { name: "tmp", mountPath: "/tmp" },
      brokerCredentialsMount,
      { name: "database-credentials", mountPath: DATABASE_DIR, readOnly: true },
      { name: "api-token", mountPath: "/run/secrets/api", readOnly: true },
    ],
  });
}
