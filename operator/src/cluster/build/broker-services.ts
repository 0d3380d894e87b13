import { componentLabels, selectorLabels } from "../labels.ts";
import { PORTS } from "../names.ts";
import { brokerPorts, type ValidatedCluster } from "../validate.ts";
import { headlessService, type ServiceManifest } from "./service.ts";

/** The names by which brokers and the gateway find each broker. */
export function brokerNodesService(cluster: ValidatedCluster): ServiceManifest | null {
  if (cluster.broker.external !== undefined) return null;
  const { amqp, management } = brokerPorts(cluster);
  return headlessService(cluster, "broker", cluster.names.brokerNodes, [
    { name: "amqp", port: amqp },
    { name: "management", port: management },
  ]);
}

/** RabbitMQ's management interface, for people. The operator asks the pods themselves. */
export function brokerManagementService(cluster: ValidatedCluster): ServiceManifest | null {
  const { name, names, broker } = cluster;
  if (broker.external !== undefined) return null;
  return {
    metadata: { name: names.brokerManagement, labels: componentLabels(name, "broker") },
    spec: {
      selector: selectorLabels(name, "broker"),
      ports: [
        { name: "management", port: brokerPorts(cluster).management },
        { name: "prometheus", port: PORTS.brokerPrometheus },
      ],
    },
  };
}
