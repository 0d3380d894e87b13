import { expect, test } from "@jest/globals";
import type { V1ConfigMap, V1PodDisruptionBudget, V1Service } from "@kubernetes/client-node";
import fc from "fast-check";
import { type AaaClusterSpec, MOST_BROKERS } from "../../api/schema.ts";
import { CONFIG_ANNOTATION, type Labels } from "../labels.ts";
import { anyName, anyNamespace, anySpec, clusterOf } from "../testing/any-spec.ts";
import { type BuiltWorkload, builtOf, kindAndName, workloadsOf } from "../testing/children.ts";
import { anAaaCluster } from "../testing/fixtures.ts";
import { brokerHost } from "./broker-config.ts";
import { build } from "./index.ts";

/** A host name as RFC 1123 has it, that begins with a letter, as names of Services have to. */
const DNS_LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
/** Kubernetes labels the pods of a StatefulSet with its name and a hash, in 63 characters. */
const LONGEST_NAME = 52;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

const anyCluster = fc
  .tuple(anySpec, anyName, anyNamespace)
  .map(([spec, name, namespace]) => clusterOf(spec, name, namespace));

const matches = (selector: Labels | undefined, { spec }: BuiltWorkload): boolean =>
  Object.entries(selector ?? {}).every(([key, value]) => spec.template.metadata?.labels?.[key] === value);

test("any legal cluster can be built, twice the same, from names and labels that Kubernetes takes", () => {
  fc.assert(
    fc.property(anyCluster, (cluster) => {
      const children = build(cluster);
      expect(build(structuredClone(cluster))).toEqual(children);
      expect(new Set(children.map(kindAndName)).size).toBe(children.length);
      for (const {
        manifest: {
          metadata: { name, labels = {} },
        },
      } of children) {
        expect(name).toMatch(DNS_LABEL);
        expect(name.length).toBeLessThanOrEqual(LONGEST_NAME);
        expect(Object.values(labels).filter((value) => !LABEL_VALUE.test(value))).toEqual([]);
        expect(labels["app.kubernetes.io/instance"]).toBe(cluster.name);
      }
    }),
  );
});

test("of any legal cluster, selectors find the pods that they are for, and ports of Services are ports of these", () => {
  fc.assert(
    fc.property(anyCluster, (cluster) => {
      const workloads = workloadsOf(cluster);
      for (const workload of workloads) expect(matches(workload.spec.selector.matchLabels, workload)).toBe(true);
      for (const { spec } of builtOf<V1Service>(cluster, "Service")) {
        const found = workloads.filter((workload) => matches(spec?.selector, workload));
        expect(found).toHaveLength(1);
        const listening = found.flatMap(({ containers }) =>
          containers.flatMap(({ ports = [] }) => ports.flatMap(({ name, containerPort }) => [name, containerPort])),
        );
        for (const { port, targetPort } of spec?.ports ?? []) expect(listening).toContain(targetPort ?? port);
      }
      for (const { spec } of builtOf<V1PodDisruptionBudget>(cluster, "PodDisruptionBudget")) {
        const found = workloads.filter((workload) => matches(spec?.selector?.matchLabels, workload));
        expect(found.map(({ spec: { replicas } }) => replicas >= 2)).toEqual([true]);
      }
    }),
  );
});

test("of any legal cluster, every variable that another is put together from comes before it", () => {
  fc.assert(
    fc.property(anyCluster, (cluster) => {
      for (const { env = [] } of workloadsOf(cluster).flatMap(({ containers }) => containers)) {
        for (const [index, { value = "" }] of env.entries()) {
          const before = env.slice(0, index).map(({ name }) => name);
          for (const [, name] of value.matchAll(/\$\(([A-Z_]+)\)/g)) expect(before).toContain(name);
        }
      }
    }),
  );
});

/** The files that a component's pods read only when they start, and the hash that its pods carry. */
function configurations(
  spec: AaaClusterSpec,
): ReadonlyMap<string, { readonly files: string; readonly hash: string | undefined }> {
  const cluster = clusterOf(spec);
  const maps = builtOf<V1ConfigMap>(cluster, "ConfigMap");
  return new Map(
    workloadsOf(cluster).flatMap(({ name, pod, spec: { template } }) => {
      const mounted = (pod.volumes ?? []).flatMap(({ configMap }) => configMap?.name ?? []);
      if (mounted.length === 0) return [];
      const files = maps
        .filter(({ metadata }) => mounted.includes(metadata?.name ?? ""))
        .map(({ data }) => ({ ...data, "haproxy.cfg": "" }));
      if (files.every((file) => Object.values(file).join("") === "")) return [];
      return [[name, { files: JSON.stringify(files), hash: template.metadata?.annotations?.[CONFIG_ANNOTATION] }]];
    }),
  );
}

test("pods carry another hash if and only if their configuration is another", () => {
  const parts = fc.subarray(["broker", "oss", "nodes"] as const);
  fc.assert(
    fc.property(anySpec, anySpec, parts, (spec, other, changed) => {
      const changes = Object.fromEntries(changed.map((part) => [part, other[part]]));
      const before = configurations(spec);
      for (const [name, after] of configurations({ ...spec, ...changes })) {
        const was = before.get(name);
        expect(after.hash).toMatch(/^[0-9a-f]{16}$/);
        if (was !== undefined) expect([name, after.hash === was.hash]).toEqual([name, after.files === was.files]);
      }
    }),
  );
});

test("any scaling changes the template of no pod", () => {
  const counts = fc.record({
    broker: fc.integer({ min: 1, max: 9 }),
    oss: fc.integer({ min: 1, max: 5 }),
    nodes: fc.integer({ min: 0, max: 50 }),
    gateway: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(anySpec, counts, (spec, { broker, oss, nodes, gateway }) => {
      const scaled: AaaClusterSpec = {
        ...spec,
        broker: { ...spec.broker, replicas: broker, gateway: { ...spec.broker.gateway, replicas: gateway } },
        oss: { ...spec.oss, replicas: oss, gateway: { ...spec.oss.gateway, replicas: gateway } },
        nodes: { ...spec.nodes, replicas: nodes, gateway: { ...spec.nodes.gateway, replicas: gateway } },
      };
      const templates = (one: AaaClusterSpec) => workloadsOf(clusterOf(one)).map(({ spec: { template } }) => template);
      expect(templates(scaled)).toEqual(templates(spec));
    }),
  );
});

test("of the longest names, host names stay within the limits of DNS", () => {
  const { spec } = anAaaCluster();
  const cluster = clusterOf(spec, "a".repeat(30), "n".repeat(63));
  const host = brokerHost(cluster, `${cluster.names.brokerPods}-${MOST_BROKERS - 1}`);
  expect(host.length).toBeLessThanOrEqual(253);
  expect(host.split(".").filter((label) => label.length > 63)).toEqual([]);
});
