import { componentLabels, selectorLabels } from "../labels.ts";
import { PORTS } from "../names.ts";
import type { ValidatedCluster } from "../validate.ts";
import { headlessService, type ServiceManifest } from "./service.ts";

/** The names by which brokers and the gateway find each broker. */
export function brokerNodesService(cluster: ValidatedCluster): ServiceManifest {
  return headlessService(cluster, "broker", cluster.names.brokerNodes, [
    { name: "amqp", port: PORTS.amqp },
    { name: "management", port: PORTS.management },
  ]);
}

/** RabbitMQ's management interface, for people. The operator asks the pods themselves. */
export function brokerManagementService({ name, names }: ValidatedCluster): ServiceManifest {
  return {
    metadata: { name: names.brokerManagement, labels: componentLabels(name, "broker") },
    spec: {
      selector: selectorLabels(name, "broker"),
      ports: [
        { name: "management", port: PORTS.management },
        { name: "prometheus", port: PORTS.brokerPrometheus },
      ],
    },
  };
}
