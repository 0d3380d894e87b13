import type { V1ConfigMap, V1Container, V1Deployment } from "@kubernetes/client-node";
import type { SchedulingSpec } from "../../api/fields.ts";
import type { GatewaySpec } from "../../api/gateway.ts";
import { hashOf } from "../../kube/index.ts";
import { CONFIG_ANNOTATION, componentLabels, selectorLabels } from "../labels.ts";
import type { ValidatedCluster } from "../validate.ts";
import type { Gateway } from "./gateways.ts";
import { haproxyConfig } from "./haproxy-config.ts";
import { httpProbe, restrictedContainer, restrictedPod } from "./pod.ts";
import type { ServiceManifest } from "./service.ts";

/** Children of any gateway in Service mode: HAProxy's configuration, its pods, and the Service in front of them. */

export function gatewayConfigMap(
  { name }: ValidatedCluster,
  gateway: Gateway,
): V1ConfigMap & { metadata: { name: string } } {
  return {
    metadata: { name: gateway.name, labels: componentLabels(name, gateway.component) },
    data: { "haproxy.cfg": haproxyConfig(gateway) },
  };
}

export function gatewayDeployment(
  cluster: ValidatedCluster,
  gateway: Gateway,
): V1Deployment & { metadata: { name: string } } {
  const { component, spec } = gateway;
  const labels = componentLabels(cluster.name, component);
  return {
    metadata: { name: gateway.name, labels },
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: selectorLabels(cluster.name, component) },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels, annotations: { [CONFIG_ANNOTATION]: hashOf(haproxyConfig(gateway)) } },
        spec: restrictedPod(cluster, component, schedulingOf(spec), {
          containers: [haproxy(cluster, gateway)],
          volumes: [{ name: "config", configMap: { name: gateway.name } }],
        }),
      },
    },
  };
}

export function gatewayService({ name }: ValidatedCluster, gateway: Gateway): ServiceManifest {
  const { component, port, portName, spec } = gateway;
  const { type, nodePort, annotations, loadBalancerClass, loadBalancerSourceRanges } = spec.service;
  return {
    metadata: {
      name: gateway.name,
      labels: componentLabels(name, component),
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
    },
    spec: {
      type,
      ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }),
      ...(loadBalancerSourceRanges === undefined ? {} : { loadBalancerSourceRanges: [...loadBalancerSourceRanges] }),
      selector: selectorLabels(name, component),
      ports: [{ name: portName, port, targetPort: port, ...(nodePort === undefined ? {} : { nodePort }) }],
    },
  };
}

const schedulingOf = ({ nodeSelector }: GatewaySpec): SchedulingSpec => ({
  spread: "Preferred",
  ...(nodeSelector === undefined ? {} : { nodeSelector }),
});

function haproxy({ haproxyImage }: ValidatedCluster, { port, portName, healthPort, spec }: Gateway): V1Container {
  return restrictedContainer({
    name: "haproxy",
    image: haproxyImage,
    ports: [
      { name: portName, containerPort: port },
      { name: "health", containerPort: healthPort },
    ],
    resources: spec.resources,
    livenessProbe: httpProbe("/livez", healthPort, { periodSeconds: 10, failureThreshold: 3 }),
    readinessProbe: httpProbe("/readyz", healthPort, { periodSeconds: 2, failureThreshold: 1 }),
    volumeMounts: [{ name: "config", mountPath: "/etc/haproxy", readOnly: true }],
  });
}
