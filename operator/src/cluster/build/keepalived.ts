import type { V1Container, V1StatefulSet } from "@kubernetes/client-node";
import { hashOf } from "../../kube/index.ts";
import { CONFIG_ANNOTATION, componentLabels, selectorLabels } from "../labels.ts";
import type { ValidatedCluster, VirtualRouter } from "../validate.ts";
import { gatewayScheduling, haproxyContainer, haproxyVolumes } from "./gateway.ts";
import type { Gateway } from "./gateways.ts";
import { keepalivedConfig } from "./keepalived-config.ts";
import { env, execProbe, fieldEnv, podNameEnv, restrictedContainer, restrictedPod } from "./pod.ts";
import { headlessService, type ServiceManifest } from "./service.ts";

/** Children of a gateway in Keepalived mode, besides its configuration and its Service. */

/** Where the candidates for a virtual IP find each other. */
export function candidatesService(cluster: ValidatedCluster, gateway: Gateway): ServiceManifest | null {
  if (gateway.vrrp === undefined) return null;
  return headlessService(cluster, gateway.component, gateway.candidates, [
    { name: "health", port: gateway.healthPort, targetPort: "health" },
  ]);
}

/**
 * The candidates: HAProxy and keepalived on the network of Kubernetes nodes, never two of them on one, as their ports are the
 * same. By affinity it must not be said: it would keep the pods of Service mode away too, which are to take their place.
 */
export function candidatesStatefulSet(
  cluster: ValidatedCluster,
  gateway: Gateway,
): (V1StatefulSet & { metadata: { name: string } }) | null {
  const { component, name, spec, vrrp } = gateway;
  if (vrrp === undefined) return null;
  const labels = componentLabels(cluster.name, component);
  return {
    metadata: { name, labels },
    spec: {
      replicas: spec.replicas,
      serviceName: gateway.candidates,
      selector: { matchLabels: selectorLabels(cluster.name, component) },
      podManagementPolicy: "Parallel",
      template: {
        metadata: { labels, annotations: { [CONFIG_ANNOTATION]: hashOf(keepalivedConfig(name, vrrp)) } },
        spec: restrictedPod(cluster, component, gatewayScheduling(spec, "Preferred"), {
          hostNetwork: true,
          dnsPolicy: "ClusterFirstWithHostNet",
          containers: [haproxyContainer(cluster, gateway), keepalived(cluster, gateway, vrrp)],
          volumes: [...haproxyVolumes(gateway), { name: "keepalived", emptyDir: {} }],
        }),
      },
    },
  };
}

/** What VRRP needs, and only that: root with two capabilities. */
function keepalived(
  { keepalivedImage, namespace, clusterDomain }: ValidatedCluster,
  { candidates, healthPort, spec }: Gateway,
  { ip, networkInterface }: VirtualRouter,
): V1Container {
  const { securityContext, ...container } = restrictedContainer({
    name: "keepalived",
    image: keepalivedImage,
    env: [
      podNameEnv("POD_NAME"),
      fieldEnv("HOST_IP", "status.hostIP"),
      ...env({
        VIRTUAL_IP: ip,
        INTERFACE: networkInterface,
        HEALTH_PORT: String(healthPort),
        CANDIDATES: `${candidates}.${namespace}.svc.${clusterDomain}.`,
      }),
    ],
    resources: spec.resources,
    readinessProbe: execProbe(["test", "-e", "/run/keepalived/keepalived.pid"], { periodSeconds: 5 }),
    volumeMounts: [
      { name: "config", mountPath: "/etc/gateway", readOnly: true },
      { name: "keepalived", mountPath: "/run/keepalived" },
    ],
  });
  return {
    ...container,
    securityContext: {
      ...securityContext,
      runAsNonRoot: false,
      runAsUser: 0,
      runAsGroup: 0,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
    },
  };
}
