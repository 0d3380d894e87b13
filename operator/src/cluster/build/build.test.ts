import { expect, test } from "@jest/globals";
import type { AaaClusterSpec } from "../../api/schema.ts";
import { derivedSecrets } from "../secrets/generate.ts";
import { builtOf, kindAndName, secretsOf, workloadsOf } from "../testing/children.ts";
import { aCluster, anAaaCluster, type Partially, SETTINGS } from "../testing/fixtures.ts";
import { FULL, SHAPES } from "../testing/specs.ts";
import { validate } from "../validate.ts";
import { build } from "./index.ts";

const COMPONENTS = ["broker", "oss-database", "oss", "aaa", "broker-gateway", "oss-gateway", "aaa-gateway"];

const WORKLOADS = SHAPES.flatMap(([shape, spec]) =>
  workloadsOf(aCluster(spec)).map((workload) => [`${workload.kind} ${workload.name}`, shape, workload] as const),
);

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

test("what is external has no child at all", () => {
  const children = (spec: object): string[] => build(aCluster(spec)).map(kindAndName);
  expect(children({ broker: { external: { secretName: "s" } } }).filter((child) => child.includes("broker"))).toEqual(
    [],
  );
  expect(
    children({ oss: { database: { externalSecretName: "s" } } }).filter((child) => child.includes("database")),
  ).toEqual([]);
});

test.each(WORKLOADS)(
  "%s of a spec with %s runs under the restricted standard, without a token",
  (_, __, { pod, containers }) => {
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    for (const field of ["hostNetwork", "hostPID", "hostIPC"]) expect(pod).not.toHaveProperty(field);
    for (const { securityContext } of containers) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
    const kinds = (pod.volumes ?? []).flatMap(({ name, ...source }) => Object.keys(source));
    expect(["configMap", "emptyDir", "projected", "secret"]).toEqual(expect.arrayContaining(kinds));
  },
);

test.each(WORKLOADS)("%s of a spec with %s asks for the CPU and memory that it needs", (_, __, { containers }) => {
  for (const { resources } of containers) expect(Object.keys(resources?.requests ?? {})).toContain("cpu");
});

test.each(WORKLOADS)(
  "%s of a spec with %s mounts only volumes that it has, and has none that it does not mount",
  (_, __, { pod, spec, containers }) => {
    const volumes = [
      ...(pod.volumes ?? []).map(({ name }) => name),
      ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name),
    ];
    const mounted = containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name));
    expect([...new Set(mounted)].sort()).toEqual([...volumes].sort());
  },
);

test.each(WORKLOADS)(
  "%s of a spec with %s has a folder for files of the moment, if its programs need one",
  (_, __, { containers }) => {
    for (const { name, volumeMounts = [] } of containers) {
      if (name === "prepare" || name === "haproxy") continue;
      expect([name, volumeMounts]).toEqual([name, expect.arrayContaining([{ name: "tmp", mountPath: "/tmp" }])]);
    }
  },
);

test.each(WORKLOADS)(
  "every file that a variable of %s of a spec with %s names is a key of a Secret",
  (_, __, workload) => {
    const made = derivedSecrets(aCluster());
    for (const { env = [], volumeMounts = [] } of workload.containers) {
      for (const { value: file = "" } of env.filter(({ name }) => name.endsWith("_FILE"))) {
        const mount = volumeMounts.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
        const volume = workload.pod.volumes?.find(({ name }) => name === mount?.name);
        const secret = made[volume?.secret?.secretName ?? ""] ?? { password: "of the user" };
        expect(Object.keys(secret)).toContain(file.slice(`${mount?.mountPath}/`.length));
      }
    }
  },
);

test.each(WORKLOADS)(
  "%s of a spec with %s cannot write what comes from Secrets and ConfigMaps",
  (_, __, { pod, containers }) => {
    const given = (pod.volumes ?? []).filter(({ emptyDir }) => emptyDir === undefined).map(({ name }) => name);
    const mounts = containers.flatMap(({ volumeMounts = [] }) => volumeMounts);
    expect(mounts.filter(({ name, readOnly }) => given.includes(name) && readOnly !== true)).toEqual([]);
  },
);

test.each(SHAPES)("all that pods of a spec with %s refer to is built, made, or named by the spec", (_, spec) => {
  const cluster = aCluster(spec);
  const names = (kind: string): string[] =>
    builtOf<{ metadata: { name: string } }>(cluster, kind).map(({ metadata }) => metadata.name);
  const ofTheSpec = [
    cluster.broker.tls?.secretName,
    cluster.broker.external?.secretName,
    cluster.oss.database.externalSecretName,
    cluster.oss.gateway.tls?.secretName,
    cluster.nodes.gateway.tls?.secretName,
  ];
  const secrets = [...Object.keys(derivedSecrets(cluster)), ...ofTheSpec];
  for (const workload of workloadsOf(cluster)) {
    const {
      pod,
      spec: { serviceName },
    } = workload;
    for (const secret of secretsOf(workload)) expect(secrets).toContain(secret);
    for (const { configMap } of pod.volumes ?? [])
      if (configMap !== undefined) expect(names("ConfigMap")).toContain(configMap.name);
    expect(names("ServiceAccount")).toContain(pod.serviceAccountName);
    if (serviceName !== undefined) expect(names("Service")).toContain(serviceName);
  }
});

test.each(SHAPES)("every Secret that is made for a spec with %s is of use to a pod, or to the operator", (_, spec) => {
  const cluster = aCluster(spec);
  const used = workloadsOf(cluster).flatMap(secretsOf);
  expect(Object.keys(derivedSecrets(cluster)).filter((name) => !used.includes(name))).toEqual([]);
});

test.each(SHAPES)("no password or key is in any manifest of a spec with %s", (_, spec) => {
  const cluster = aCluster(spec);
  const values = Object.values(derivedSecrets(cluster, "the root")).flatMap((data) =>
    Object.entries(data).flatMap(([key, value]) => (key === "username" ? [] : [value])),
  );
  expect(values.length).toBeGreaterThan(3);
  const text = JSON.stringify(build(cluster));
  for (const value of values) expect(text).not.toContain(value);
  // A password that comes by a variable is seen by all that see the pod's processes.
  const variables = workloadsOf(cluster).flatMap(({ containers }) => containers.flatMap(({ env = [] }) => env));
  const keys = variables.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.key ?? []);
  for (const key of ["password", "token", "cookie", "jwks.json"]) expect(keys).not.toContain(key);
});

test("a change of replicas rolls nothing", () => {
  const templates = (replicas: number) =>
    workloadsOf(aCluster({ broker: { replicas }, oss: { replicas }, nodes: { replicas, gateway: { replicas } } })).map(
      ({ spec }) => spec.template,
    );
  expect(templates(5)).toEqual(templates(1));
});

/** The workloads whose pods a change of the default spec restarts. */
function rolledBy(spec: Partially<AaaClusterSpec>): string[] {
  const before = workloadsOf(aCluster());
  const after = new Map(
    workloadsOf(aCluster(spec)).map(({ name, spec: { template } }) => [name, JSON.stringify(template)]),
  );
  return before
    .filter(({ name, spec: { template } }) => after.get(name) !== JSON.stringify(template))
    .map(({ name }) => name);
}

test.each<[string, Partially<AaaClusterSpec>, string[]]>([
  ["the broker's configuration", { broker: { additionalConfig: "heartbeat = 20" } }, ["tv-broker"]],
  ["the broker's memory", { broker: { resources: { limits: { memory: "1Gi" } } } }, ["tv-broker"]],
  ["what a queue may hold", { broker: { queue: { maxLength: 5 } } }, []],
  ["TLS to the broker", { broker: { tls: { secretName: "s" } } }, ["tv-broker", "tv-oss", "tv-aaa"]],
  ["the image of the nodes", { nodes: { image: "i:2" } }, ["tv-aaa"]],
  ["how far nodes may be behind", { nodes: { maxLagSeconds: 5 } }, ["tv-aaa"]],
  [
    "the resources of the OSS database",
    { oss: { database: { resources: { limits: { cpu: "1" } } } } },
    ["tv-oss-database"],
  ],
  ["the Service of a gateway", { nodes: { gateway: { service: { type: "NodePort" } } } }, []],
  ["where OSS runs", { oss: { scheduling: { nodeSelector: { disk: "ssd" } } } }, ["tv-oss-database", "tv-oss"]],
  ["a pause", { paused: true }, []],
])("a change of %s restarts exactly the pods that it concerns", (_, spec, names) => {
  expect(rolledBy(spec)).toEqual(names);
});

test("a new version of the operator rolls nothing by itself", () => {
  for (const [, spec] of SHAPES) {
    expect(build(validate(anAaaCluster(spec), { ...SETTINGS, version: "next" }))).toEqual(build(aCluster(spec)));
  }
});

test("names in DNS end in the domain of the Kubernetes cluster where no resolver adds it", () => {
  const text = JSON.stringify(build(validate(anAaaCluster(FULL), { ...SETTINGS, clusterDomain: "k8s.example" })));
  expect(text).toContain("tv-broker-nodes.aaa.svc.k8s.example");
  expect(text).not.toContain("cluster.local");
});

// The name of one cluster may be the beginning of another's: tv, and tv-broker.
test("no two clusters of a namespace want an object of the same kind and name", () => {
  const suffixes = new Map<string, Set<string>>();
  for (const [, spec] of SHAPES) {
    const cluster = aCluster(spec);
    const secrets = ["tv-root", ...Object.keys(derivedSecrets(cluster))].map((name) => `Secret/${name}`);
    for (const child of [...build(cluster).map(kindAndName), ...secrets]) {
      const [kind = "", name = ""] = child.split("/");
      suffixes.set(kind, (suffixes.get(kind) ?? new Set()).add(name.slice("tv".length)));
    }
  }
  for (const [kind, ofKind] of suffixes) {
    const all = [...ofKind];
    const meeting = all.filter((one) => all.some((other) => other !== one && one.endsWith(other)));
    expect([kind, meeting]).toEqual([kind, []]);
  }
});
