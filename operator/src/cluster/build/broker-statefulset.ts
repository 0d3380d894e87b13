import type { V1Container, V1StatefulSet, V1Volume } from "@kubernetes/client-node";
import { hashOf } from "../../kube/index.ts";
import { CONFIG_ANNOTATION, componentLabels, selectorLabels } from "../labels.ts";
import { PORTS } from "../names.ts";
import { brokerPorts, type ValidatedCluster } from "../validate.ts";
import { brokerConfig, brokerHost, TLS_DIR } from "./broker-config.ts";
import { dataVolume, env, podNameEnv, restrictedContainer, restrictedPod, tcpProbe } from "./pod.ts";

/** Flushing and handing over of queue leaders takes seconds; a broker killed early only has to recover more. */
const GRACE_SECONDS = 60;

/** The RabbitMQ pods. All start at once: after a full outage each may need any other to come up. */
export function brokerStatefulSet(cluster: ValidatedCluster): (V1StatefulSet & { metadata: { name: string } }) | null {
  const { name, names, broker } = cluster;
  if (broker.external !== undefined) return null;
  const config = hashOf(brokerConfig(cluster));
  return {
    metadata: { name: names.brokerPods, labels: componentLabels(name, "broker") },
    spec: {
      replicas: broker.replicas,
      serviceName: names.brokerNodes,
      podManagementPolicy: "Parallel",
      selector: { matchLabels: selectorLabels(name, "broker") },
      ...dataVolume(cluster, broker.storage),
      template: {
        metadata: { labels: componentLabels(name, "broker"), annotations: { [CONFIG_ANNOTATION]: config } },
        spec: restrictedPod(cluster, "broker", broker.scheduling, {
          terminationGracePeriodSeconds: GRACE_SECONDS,
          initContainers: [prepare(cluster)],
          containers: [rabbitmq(cluster)],
          volumes: volumes(cluster),
        }),
      },
    },
  };
}

function environment(cluster: ValidatedCluster): V1Container["env"] {
  const nodeName = `rabbit@${brokerHost(cluster, "$(POD_NAME)")}`;
  return [
    podNameEnv("POD_NAME"),
    ...env({
      RABBITMQ_NODENAME: nodeName,
      RABBITMQ_USE_LONGNAME: "true",
      // Otherwise its threads look for work for a while before they sleep, at the cost of whoever shares the cores.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+sbwt none +sbwtdcpu none +sbwtdio none",
    }),
  ];
}

function prepare(cluster: ValidatedCluster): V1Container {
  return restrictedContainer({
    name: "prepare",
    image: cluster.broker.image,
    command: ["bash", "/operator/config/prepare.sh"],
    env: environment(cluster) ?? [],
    resources: cluster.broker.resources,
    volumeMounts: [
      { name: "data", mountPath: "/var/lib/rabbitmq" },
      { name: "etc", mountPath: "/etc/rabbitmq" },
      { name: "config", mountPath: "/operator/config", readOnly: true },
      { name: "admin", mountPath: "/operator/admin", readOnly: true },
      { name: "cookie", mountPath: "/operator/cookie", readOnly: true },
    ],
  });
}

function rabbitmq(cluster: ValidatedCluster): V1Container {
  const { amqp, management } = brokerPorts(cluster);
  return restrictedContainer({
    name: "rabbitmq",
    image: cluster.broker.image,
    env: environment(cluster) ?? [],
    resources: cluster.broker.resources,
    ports: [
      { name: "amqp", containerPort: amqp },
      { name: "management", containerPort: management },
      { name: "prometheus", containerPort: PORTS.brokerPrometheus },
    ],
    // No liveness probe: a broker that waits for its peers is not dead, and a restart would only make it wait again.
    startupProbe: tcpProbe(amqp, { periodSeconds: 2, failureThreshold: 450 }),
    readinessProbe: tcpProbe(amqp),
    volumeMounts: [
      { name: "data", mountPath: "/var/lib/rabbitmq" },
      { name: "etc", mountPath: "/etc/rabbitmq" },
      { name: "logs", mountPath: "/var/log/rabbitmq" },
      { name: "tmp", mountPath: "/tmp" },
      ...(cluster.broker.tls === undefined ? [] : [{ name: "tls", mountPath: TLS_DIR, readOnly: true }]),
    ],
  });
}

function volumes({ names, broker }: ValidatedCluster): V1Volume[] {
  return [
    { name: "etc", emptyDir: {} },
    { name: "logs", emptyDir: {} },
    { name: "tmp", emptyDir: {} },
    { name: "config", configMap: { name: names.brokerConfig } },
    { name: "admin", secret: { secretName: names.brokerAdmin } },
    { name: "cookie", secret: { secretName: names.erlangCookie } },
    ...(broker.tls === undefined ? [] : [{ name: "tls", secret: { secretName: broker.tls.secretName } }]),
  ];
}
