import { expect, test } from "@jest/globals";
import { CONFIG_ANNOTATION } from "../labels.ts";
import { containerOf, podOf } from "../testing/children.ts";
import { aCluster, gatewayOf } from "../testing/fixtures.ts";
import { FULL, WITH_TLS } from "../testing/specs.ts";
import { gatewayConfigMap, gatewayDeployment, gatewayService } from "./gateway.ts";
import type { Gateway } from "./gateways.ts";
import { haproxyConfig } from "./haproxy-config.ts";

const COMPONENTS = ["broker-gateway", "oss-gateway", "aaa-gateway"] as const;

function built(component: Gateway["component"], spec = {}) {
  const cluster = aCluster(spec);
  const gateway = gatewayOf(component, spec);
  const deployment = gatewayDeployment(cluster, gateway);
  if (deployment === null) throw new Error(`${component} has no Deployment`);
  const pod = podOf(deployment);
  return {
    gateway,
    configMap: gatewayConfigMap(cluster, gateway),
    deployment,
    pod,
    haproxy: containerOf(pod, "haproxy"),
    service: gatewayService(cluster, gateway),
    hash: deployment.spec?.template.metadata?.annotations?.[CONFIG_ANNOTATION],
  };
}

test.each(COMPONENTS)("%s is HAProxy with the configuration of its ConfigMap", (component) => {
  const { gateway, configMap, pod, haproxy } = built(component);
  expect(configMap).toMatchObject({
    metadata: { name: `tv-${component}` },
    data: { "haproxy.cfg": haproxyConfig(gateway) },
  });
  expect(pod.volumes).toEqual([{ name: "config", configMap: { name: `tv-${component}` } }]);
  expect(haproxy).toMatchObject({
    image: "haproxy:1",
    volumeMounts: [{ name: "config", mountPath: "/etc/haproxy", readOnly: true }],
  });
});

test.each(COMPONENTS)("%s is never without a pod that serves while it is rolled", (component) => {
  expect(built(component).deployment.spec).toMatchObject({
    replicas: 2,
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
  });
});

test.each(COMPONENTS)(
  "%s is ready while a server behind it is, and restarted only when it is dead itself",
  (component) => {
    const { haproxy } = built(component);
    const probe = (path: string) => ({ httpGet: { path, port: 8404 }, timeoutSeconds: 3 });
    expect(haproxy.readinessProbe).toEqual({ ...probe("/readyz"), periodSeconds: 2, failureThreshold: 1 });
    expect(haproxy.livenessProbe).toEqual({ ...probe("/livez"), periodSeconds: 10, failureThreshold: 3 });
  },
);

test.each([
  ["broker-gateway", 5670, "amqp"],
  ["oss-gateway", 6070, "http"],
  ["aaa-gateway", 6060, "http"],
] as const)("%s is found at port %i by its Service, inside of Kubernetes", (component, port, name) => {
  const { service, haproxy } = built(component);
  expect(service).toMatchObject({
    metadata: { name: `tv-${component}` },
    spec: {
      type: "ClusterIP",
      selector: { "app.kubernetes.io/instance": "tv", "app.kubernetes.io/component": component },
    },
  });
  expect(service.spec?.ports).toEqual([{ name, port, targetPort: name }]);
  expect(haproxy.ports).toEqual([
    { name, containerPort: port },
    { name: "health", containerPort: 8404 },
  ]);
  for (const field of ["loadBalancerClass", "loadBalancerSourceRanges"]) expect(service.spec).not.toHaveProperty(field);
  expect(service.metadata).not.toHaveProperty("annotations");
});

test("a Service takes the node's port and annotations from the spec", () => {
  const service = { type: "NodePort" as const, nodePort: 30060, annotations: { "x/y": "z" } };
  expect(built("aaa-gateway", { nodes: { gateway: { service } } }).service).toMatchObject({
    metadata: { annotations: { "x/y": "z" } },
    spec: { type: "NodePort", ports: [{ port: 6060, targetPort: "http", nodePort: 30060 }] },
  });
});

test("a load balancer is of the class of the spec, and lets in only the networks that it names", () => {
  expect(built("aaa-gateway", FULL).service).toMatchObject({
    metadata: { annotations: { "example.com/pool": "tv" } },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: "example.com/lb",
      loadBalancerSourceRanges: ["192.0.2.3/32"],
    },
  });
});

test.each(COMPONENTS)("%s has the replicas, resources and Kubernetes nodes of the spec", (component) => {
  const { deployment, haproxy, pod } = built(component, FULL);
  expect(deployment.spec?.replicas).toBe(3);
  expect(haproxy.resources).toEqual({ requests: { cpu: "1" }, limits: { memory: "1Gi" } });
  expect(pod.nodeSelector).toEqual({ edge: "yes" });
});

test("only a change of its configuration gives a gateway another hash, and so restarts it", () => {
  expect(built("broker-gateway").hash).toMatch(/^[0-9a-f]{16}$/);
  expect(built("broker-gateway", WITH_TLS).hash).not.toBe(built("broker-gateway").hash);
  expect(built("aaa-gateway", FULL).hash).toBe(built("aaa-gateway").hash);
});
