import type { V1Container, V1StatefulSet } from "@kubernetes/client-node";
import { componentLabels, selectorLabels } from "../labels.ts";
import { BROKER, PORTS } from "../names.ts";
import type { ValidatedCluster } from "../validate.ts";
import { env, podNameEnv, restrictedContainer, restrictedPod, serviceProbes } from "./pod.ts";
import { headlessService, type ServiceManifest } from "./service.ts";

/** Where services find the broker: its gateway. Credentials come from a mounted Secret. */
export function brokerUrl({ names, namespace }: ValidatedCluster): string {
  return `amqp://${names.brokerGateway}.${namespace}.svc:${PORTS.brokerGateway}/${BROKER.vhost}`;
}

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
        spec: restrictedPod(cluster, "oss", {
          containers: [ossService(cluster)],
          volumes: [
            { name: "tmp", emptyDir: {} },
            { name: "broker-credentials", secret: { secretName: names.brokerOss } },
            { name: "database-credentials", secret: { secretName: names.ossDatabase } },
            { name: "api-token", secret: { secretName: names.ossApi } },
          ],
        }),
      },
    },
  };
}

function ossService(cluster: ValidatedCluster): V1Container {
  const { names, namespace, oss } = cluster;
  return restrictedContainer({
    name: "oss-service",
    image: oss.image,
    env: [
      podNameEnv("INSTANCE"),
      ...env({
        PORT: String(PORTS.oss),
        BROKER_URL: brokerUrl(cluster),
        BROKER_CREDENTIALS_DIR: "/run/secrets/broker",
        DATABASE_URL: `postgresql://oss@${names.ossDatabase}.${namespace}.svc:${PORTS.ossDatabase}/oss`,
        DATABASE_PASSWORD_FILE: "/run/secrets/database/password",
        API_TOKEN_FILE: "/run/secrets/api/token",
        OSS_EXCHANGE: oss.exchange,
      }),
    ],
    resources: oss.resources,
    ports: [{ name: "http", containerPort: PORTS.oss }],
    ...serviceProbes(PORTS.oss),
    volumeMounts: [
      { name: "tmp", mountPath: "/tmp" },
      { name: "broker-credentials", mountPath: "/run/secrets/broker", readOnly: true },
      { name: "database-credentials", mountPath: "/run/secrets/database", readOnly: true },
      { name: "api-token", mountPath: "/run/secrets/api", readOnly: true },
    ],
  });
}
