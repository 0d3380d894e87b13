import type { V1ConfigMap, V1Container, V1Deployment, V1Volume } from "@kubernetes/client-node";
import type { SchedulingSpec } from "../../api/fields.ts";
import type { GatewaySpec } from "../../api/gateway.ts";
import { componentLabels, selectorLabels } from "../labels.ts";
import type { ValidatedCluster } from "../validate.ts";
import type { Gateway } from "./gateways.ts";
import { haproxyConfig, haproxyEnvironment, TLS_DIR } from "./haproxy-config.ts";
import { keepalivedConfig } from "./keepalived-config.ts";
import { env, httpProbe, podNameEnv, restrictedContainer, restrictedPod } from "./pod.ts";
import type { ServiceManifest } from "./service.ts";

/** Children of any gateway: HAProxy's configuration, its pods in Service mode, and the Service in front of them. */

/** The files of a gateway's configuration, by name. */
export function gatewayFiles(gateway: Gateway): Readonly<Record<string, string>> {
  const { name, vrrp } = gateway;
  return {
    "haproxy.cfg": haproxyConfig(gateway),
    ...(vrrp === undefined ? {} : { "keepalived.conf": keepalivedConfig(name, vrrp) }),
  };
}

export function gatewayConfigMap(
  { name }: ValidatedCluster,
  gateway: Gateway,
): V1ConfigMap & { metadata: { name: string } } {
  return {
    metadata: { name: gateway.name, labels: componentLabels(name, gateway.component) },
    data: gatewayFiles(gateway),
  };
}

export function gatewayDeployment(
  cluster: ValidatedCluster,
  gateway: Gateway,
): (V1Deployment & { metadata: { name: string } }) | null {
  const { component, spec, vrrp } = gateway;
  if (vrrp !== undefined) return null;
  const labels = componentLabels(cluster.name, component);
  return {
    metadata: { name: gateway.name, labels },
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: selectorLabels(cluster.name, component) },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        // Without a hash of the configuration: HAProxy takes a changed one itself.
        metadata: { labels },
        spec: restrictedPod(cluster, component, gatewayScheduling(spec, "Preferred"), {
          containers: [haproxyContainer(cluster, gateway)],
          volumes: haproxyVolumes(gateway),
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
      ports: [{ name: portName, port, targetPort: portName, ...(nodePort === undefined ? {} : { nodePort }) }],
    },
  };
}

export const gatewayScheduling = ({ nodeSelector }: GatewaySpec, spread: SchedulingSpec["spread"]): SchedulingSpec => ({
  spread,
  ...(nodeSelector === undefined ? {} : { nodeSelector }),
});

export function haproxyContainer({ haproxyImage }: ValidatedCluster, gateway: Gateway): V1Container {
  const { port, entrancePort, portName, healthPort, spec, vrrp } = gateway;
  return restrictedContainer({
    name: "haproxy",
    image: haproxyImage,
    ports: [
      { name: portName, containerPort: entrancePort },
      { name: "health", containerPort: healthPort },
      // Two of one address must not come to one Kubernetes node.
      ...(vrrp === undefined ? [] : [{ name: "virtual", containerPort: port, hostPort: port, hostIP: vrrp.ip }]),
    ],
    env: [...(vrrp === undefined ? [] : [podNameEnv("POD_NAME")]), ...env(haproxyEnvironment(gateway))],
    resources: spec.resources,
    livenessProbe: httpProbe("/livez", healthPort, { periodSeconds: 10, failureThreshold: 3 }),
    readinessProbe: httpProbe("/readyz", healthPort, { periodSeconds: 2, failureThreshold: 1 }),
    volumeMounts: [
      { name: "config", mountPath: "/etc/haproxy", readOnly: true },
      { name: "haproxy", mountPath: "/run/haproxy" },
      ...(spec.tls === undefined ? [] : [{ name: "tls", mountPath: TLS_DIR, readOnly: true }]),
    ],
  });
}

/** The configuration, where HAProxy keeps what its next worker has to know, and its certificate. */
export function haproxyVolumes({ name, spec: { tls } }: Gateway): V1Volume[] {
  return [
    { name: "config", configMap: { name } },
    { name: "haproxy", emptyDir: {} },
    ...(tls === undefined ? [] : [{ name: "tls", secret: { secretName: tls.secretName } }]),
  ];
}
