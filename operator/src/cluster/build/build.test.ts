import { expect, test } from "@jest/globals";
import type { V1PodSpec, V1StatefulSetSpec } from "@kubernetes/client-node";
import type { Desired } from "../../kube/index.ts";
import { aCluster, anAaaCluster, SETTINGS } from "../testing/fixtures.ts";
import { validate } from "../validate.ts";
import { build } from "./index.ts";

interface Workload {
  readonly kind: string;
  readonly name: string;
  readonly spec: V1StatefulSetSpec;
  readonly pod: V1PodSpec;
}

const kindAndName = ({ resource, manifest }: Desired): string => `${resource.kind}/${manifest.metadata.name}`;

function workloads(children: readonly Desired[]): Workload[] {
  return children.flatMap(({ resource, manifest }) => {
    const { spec } = manifest as unknown as { readonly spec?: V1StatefulSetSpec };
    const pod = spec?.template?.spec;
    return spec === undefined || pod === undefined
      ? []
      : [{ kind: resource.kind, name: manifest.metadata.name, spec, pod }];
  });
}

const find = (name: string, children = build(aCluster())): Workload => {
  const found = workloads(children).find((workload) => workload.name === name);
  if (found === undefined) throw new Error(`no workload ${name}`);
  return found;
};

const COMPONENTS = ["broker", "oss-database", "oss", "aaa", "broker-gateway", "oss-gateway", "aaa-gateway"];

test("an AaaCluster is made of exactly these children, pods last", () => {
  expect(build(aCluster()).map(kindAndName)).toEqual([
    ...COMPONENTS.map((component) => `ServiceAccount/tv-${component}`),
    ...COMPONENTS.map((component) => `NetworkPolicy/tv-${component}`),
    "ConfigMap/tv-broker-config",
    "ConfigMap/tv-broker-gateway",
    "ConfigMap/tv-oss-gateway",
    "ConfigMap/tv-aaa-gateway",
    "Service/tv-broker-nodes",
    "Service/tv-broker",
    "Service/tv-oss-database",
    "Service/tv-oss-nodes",
    "Service/tv-aaa-nodes",
    "Service/tv-broker-gateway",
    "Service/tv-oss-gateway",
    "Service/tv-aaa-gateway",
    "PodDisruptionBudget/tv-broker",
    "PodDisruptionBudget/tv-oss",
    "PodDisruptionBudget/tv-aaa",
    "PodDisruptionBudget/tv-broker-gateway",
    "PodDisruptionBudget/tv-oss-gateway",
    "PodDisruptionBudget/tv-aaa-gateway",
    "StatefulSet/tv-broker",
    "StatefulSet/tv-oss-database",
    "StatefulSet/tv-oss",
    "StatefulSet/tv-aaa",
    "Deployment/tv-broker-gateway",
    "Deployment/tv-oss-gateway",
    "Deployment/tv-aaa-gateway",
  ]);
});

test("a part with a single pod has no disruption budget, which would only block drains", () => {
  const children = build(aCluster({ broker: { replicas: 1 }, nodes: { replicas: 1, gateway: { replicas: 1 } } }));
  const budgets = children.filter(({ resource }) => resource.kind === "PodDisruptionBudget").map(kindAndName);
  expect(budgets).not.toContain("PodDisruptionBudget/tv-broker");
  expect(budgets).not.toContain("PodDisruptionBudget/tv-aaa");
  expect(budgets).not.toContain("PodDisruptionBudget/tv-aaa-gateway");
  expect(budgets).toContain("PodDisruptionBudget/tv-oss");
});

test.each(workloads(build(aCluster())).map((workload) => [`${workload.kind} ${workload.name}`, workload] as const))(
  "%s runs under the restricted standard, spread over hosts, without a token",
  (_, { pod }) => {
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 10001,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(pod.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution).toHaveLength(1);
    for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(container.imagePullPolicy).toBe("IfNotPresent");
      expect(container.resources?.requests).toHaveProperty("cpu");
    }
  },
);

test.each(workloads(build(aCluster())).map((workload) => [workload.name, workload] as const))(
  "%s mounts only volumes that it has",
  (_, { pod, spec }) => {
    const volumes = new Set(
      [...(pod.volumes ?? []), ...(spec.volumeClaimTemplates ?? [])].map((one) =>
        "metadata" in one ? one.metadata?.name : (one as { name: string }).name,
      ),
    );
    for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
      for (const mount of container.volumeMounts ?? []) expect(volumes).toContain(mount.name);
    }
  },
);

test("brokers start all at once, each on its own volume, and are ready when they take connections", () => {
  const { spec, pod } = find("tv-broker");
  expect(spec).toMatchObject({ replicas: 3, podManagementPolicy: "Parallel", serviceName: "tv-broker-nodes" });
  expect(spec.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: "Retain", whenScaled: "Retain" });
  const [rabbitmq] = pod.containers;
  expect(rabbitmq?.readinessProbe?.tcpSocket?.port).toBe(5672);
  expect(rabbitmq?.livenessProbe).toBeUndefined();
  expect(rabbitmq?.env?.find(({ name }) => name === "RABBITMQ_NODENAME")?.value).toBe(
    "rabbit@$(POD_NAME).tv-broker-nodes.aaa.svc.cluster.local",
  );
});

test("a change of replicas rolls nothing", () => {
  const templates = (replicas: number) =>
    workloads(
      build(aCluster({ broker: { replicas }, oss: { replicas }, nodes: { replicas, gateway: { replicas } } })),
    ).map(({ spec }) => spec.template);
  expect(templates(5)).toEqual(templates(1));
});

test("a change of the broker's configuration rolls the broker and nothing else", () => {
  const before = workloads(build(aCluster()));
  // The share of the disk that is kept free is part of RabbitMQ's configuration.
  const after = workloads(build(aCluster({ broker: { storage: { size: "5Gi" } } })));
  const rolled = before.filter(
    ({ spec }, index) => JSON.stringify(spec.template) !== JSON.stringify(after[index]?.spec.template),
  );
  expect(rolled.map(({ name }) => name)).toEqual(["tv-broker"]);
});

test("a new version of the operator rolls nothing by itself", () => {
  const newer = validate(anAaaCluster(), { ...SETTINGS, version: "next" });
  expect(build(newer)).toEqual(build(aCluster()));
});

test("an AAA pod has its PostgreSQL as a sidecar on its own volume", () => {
  const { pod } = find("tv-aaa");
  const [postgresql] = pod.initContainers ?? [];
  expect(postgresql).toMatchObject({ name: "postgresql", restartPolicy: "Always", args: ["-c", "listen_addresses="] });
  expect(postgresql?.startupProbe?.exec?.command).toContain("/run/postgresql");
  const [service] = pod.containers;
  expect(service?.env).toContainEqual({
    name: "PARTITION",
    valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } },
  });
  expect(service?.readinessProbe?.httpGet).toEqual({ path: "/readyz", port: 6600 });
});

test("services find the broker through its gateway, and no password is in any manifest", () => {
  const children = build(aCluster());
  for (const name of ["tv-oss", "tv-aaa"]) {
    const url = find(name, children).pod.containers[0]?.env?.find((one) => one.name === "BROKER_URL")?.value;
    expect(url).toBe("amqp://tv-broker-gateway.aaa.svc:5670/aaa");
  }
  expect(JSON.stringify(children)).not.toMatch(/POSTGRES_PASSWORD"|"PASSWORD"/);
});

test("names stay within the limits of Kubernetes for the longest legal name", () => {
  const longest = { ...anAaaCluster(), metadata: { name: "a".repeat(30), namespace: "aaa", uid: "u" } };
  for (const { manifest } of build(validate(longest, SETTINGS)))
    expect(manifest.metadata.name.length).toBeLessThanOrEqual(52);
});

test("the Service of a gateway takes its type, port and annotations from the spec", () => {
  const service = { type: "NodePort" as const, nodePort: 30060, annotations: { "x/y": "z" } };
  const child = build(aCluster({ nodes: { gateway: { service } } })).find(
    (one) => kindAndName(one) === "Service/tv-aaa-gateway",
  );
  expect(child?.manifest).toMatchObject({
    metadata: { annotations: { "x/y": "z" } },
    spec: { type: "NodePort", ports: [{ port: 6060, nodePort: 30060 }] },
  });
});
