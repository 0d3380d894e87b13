import { expect, test } from "@jest/globals";
import { containerOf, environmentOf, podOf } from "../testing/children.ts";
import { aCluster, gatewayOf } from "../testing/fixtures.ts";
import { FULL, WITH_HTTPS, WITH_TLS } from "../testing/specs.ts";
import { gatewayConfigMap, gatewayDeployment, gatewayService } from "./gateway.ts";
import type { Gateway } from "./gateways.ts";
import { haproxyConfig, haproxyEnvironment } from "./haproxy-config.ts";

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
  };
}

test.each(COMPONENTS)("%s is HAProxy with the configuration of its ConfigMap", (component) => {
  const { gateway, configMap, pod, haproxy } = built(component);
  expect(configMap).toMatchObject({
    metadata: { name: `tv-${component}` },
    data: { "haproxy.cfg": haproxyConfig(gateway) },
  });
  expect(pod.volumes).toEqual([
    { name: "config", configMap: { name: `tv-${component}` } },
    { name: "haproxy", emptyDir: {} },
  ]);
  expect(environmentOf(haproxy)).toEqual(haproxyEnvironment(gateway));
  expect(haproxy).toMatchObject({
    image: "haproxy:1",
    // As a folder: a file of a ConfigMap that is mounted alone never changes.
    volumeMounts: [
      { name: "config", mountPath: "/etc/haproxy", readOnly: true },
      { name: "haproxy", mountPath: "/run/haproxy" },
    ],
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

test("a change of the configuration alone changes no pod: HAProxy takes it itself", () => {
  const [plain, withTls] = [built("broker-gateway"), built("broker-gateway", WITH_TLS)];
  expect(withTls.configMap).not.toEqual(plain.configMap);
  expect(withTls.deployment).toEqual(plain.deployment);
});

test.each([
  ["oss-gateway", "oss-tls"],
  ["aaa-gateway", "boxes-tls"],
] as const)("%s speaks HTTPS with the certificate of its Secret", (component, secretName) => {
  const { pod, haproxy, service } = built(component, WITH_HTTPS);
  expect(pod.volumes).toContainEqual({ name: "tls", secret: { secretName } });
  // As a folder: so that HAProxy sees a renewed one.
  expect(haproxy.volumeMounts).toContainEqual({ name: "tls", mountPath: "/etc/haproxy-tls", readOnly: true });
  expect(service.spec?.ports).toMatchObject([{ name: "https", targetPort: "https" }]);
});
