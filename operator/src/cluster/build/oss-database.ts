import type { V1StatefulSet } from "@kubernetes/client-node";
import { componentLabels, selectorLabels } from "../labels.ts";
import { PORTS } from "../names.ts";
import type { ValidatedCluster } from "../validate.ts";
import { dataVolume, env, restrictedPod } from "./pod.ts";
import { postgresqlContainer } from "./postgresql.ts";
import { headlessService, type ServiceManifest } from "./service.ts";

const PASSWORD_DIR = "/run/secrets/database";

export function ossDatabaseService(cluster: ValidatedCluster): ServiceManifest | null {
  if (cluster.oss.database.externalSecretName !== undefined) return null;
  return headlessService(cluster, "oss-database", cluster.names.ossDatabase, [
    { name: "postgresql", port: PORTS.ossDatabase },
  ]);
}

/** The PostgreSQL of OSS: one pod, reached over the network with a password. */
export function ossDatabaseStatefulSet(
  cluster: ValidatedCluster,
): (V1StatefulSet & { metadata: { name: string } }) | null {
  const { name, names, oss } = cluster;
  const { image, resources, storage, externalSecretName } = oss.database;
  if (externalSecretName !== undefined) return null;
  const container = postgresqlContainer({
    image,
    resources,
    args: ["-c", "listen_addresses=*"],
    user: "oss",
    authentication: env({ POSTGRES_PASSWORD_FILE: `${PASSWORD_DIR}/password` }),
    mounts: [{ name: "password", mountPath: PASSWORD_DIR, readOnly: true }],
    probeHost: "127.0.0.1",
  });
  return {
    metadata: { name: names.ossDatabase, labels: componentLabels(name, "oss-database") },
    spec: {
      replicas: 1,
      serviceName: names.ossDatabase,
      podManagementPolicy: "Parallel",
      selector: { matchLabels: selectorLabels(name, "oss-database") },
      ...dataVolume(cluster, storage),
      template: {
        metadata: { labels: componentLabels(name, "oss-database") },
        spec: restrictedPod(cluster, "oss-database", oss.scheduling, {
          containers: [{ ...container, ports: [{ name: "postgresql", containerPort: PORTS.ossDatabase }] }],
          volumes: [
            { name: "postgresql", emptyDir: {} },
            { name: "tmp", emptyDir: {} },
            { name: "password", secret: { secretName: names.ossDatabase } },
          ],
        }),
      },
    },
  };
}
