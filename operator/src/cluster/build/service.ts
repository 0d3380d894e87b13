import type { V1Service, V1ServicePort } from "@kubernetes/client-node";
import { type Component, componentLabels, selectorLabels } from "../labels.ts";
import type { ValidatedCluster } from "../validate.ts";

/** A Service as the operator builds it. */
export type ServiceManifest = V1Service & { metadata: { name: string } };

/**
 * A headless Service: DNS names of the pods themselves. Pods are in it before they are ready, because brokers must
 * find each other to become ready and gateways check health on their own.
 */
export function headlessService(
  { name }: ValidatedCluster,
  component: Component,
  serviceName: string,
  ports: V1ServicePort[],
): ServiceManifest {
  return {
    metadata: { name: serviceName, labels: componentLabels(name, component) },
    spec: { clusterIP: "None", publishNotReadyAddresses: true, selector: selectorLabels(name, component), ports },
  };
}
