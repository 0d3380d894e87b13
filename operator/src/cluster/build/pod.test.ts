import { expect, test } from "@jest/globals";
import type { SchedulingSpec } from "../../api/fields.ts";
import { aCluster } from "../testing/fixtures.ts";
import {
  dataVolume,
  execProbe,
  httpProbe,
  podNameEnv,
  restrictedContainer,
  restrictedPod,
  secretEnv,
  serviceProbes,
  tcpProbe,
} from "./pod.ts";

const PREFERRED: SchedulingSpec = { spread: "Preferred" };
const pod = (scheduling: SchedulingSpec = PREFERRED) =>
  restrictedPod(aCluster(), "aaa", scheduling, { containers: [] });
const alike = { matchLabels: { "app.kubernetes.io/instance": "tv", "app.kubernetes.io/component": "aaa" } };
const apart = { topologyKey: "kubernetes.io/hostname", labelSelector: alike };

test("pods of a component keep to different hosts where there is room", () => {
  expect(pod().affinity).toEqual({
    podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: apart }] },
  });
});

test("with spread: Required a pod waits rather than share a host", () => {
  expect(pod({ spread: "Required" }).affinity).toEqual({
    podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [apart] },
  });
});

test.each<[string, SchedulingSpec]>([
  ["Preferred", { spread: "Preferred" }],
  ["Required", { spread: "Required" }],
])("with spread: %s zones are only preferred, since volumes hold their pods in one", (_, scheduling) => {
  expect(pod(scheduling).topologySpreadConstraints).toEqual([
    {
      maxSkew: 1,
      topologyKey: "topology.kubernetes.io/zone",
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: alike,
    },
  ]);
});

test("a pod runs where the spec says, and with its priority", () => {
  const where = {
    nodeSelector: { disk: "ssd" },
    tolerations: [
      { key: "dedicated", operator: "Exists" as const, effect: "NoExecute" as const, tolerationSeconds: 5 },
    ],
    priorityClassName: "gold",
  };
  expect(pod({ ...PREFERRED, ...where })).toMatchObject(where);
});

test("what the spec does not say about scheduling is left to Kubernetes", () => {
  for (const field of ["nodeSelector", "tolerations", "priorityClassName"]) expect(pod()).not.toHaveProperty(field);
});

test("a pod is no user of the API server, and is told nothing of other Services by its environment", () => {
  expect(pod()).toMatchObject({
    serviceAccountName: "tv-aaa",
    automountServiceAccountToken: false,
    enableServiceLinks: false,
  });
});

test("a pod runs as our images' user, to whom its volumes belong without a walk through them at each start", () => {
  expect(pod().securityContext).toEqual({
    runAsNonRoot: true,
    runAsUser: 10001,
    runAsGroup: 10001,
    fsGroup: 10001,
    fsGroupChangePolicy: "OnRootMismatch",
    seccompProfile: { type: "RuntimeDefault" },
  });
});

test("a container can gain no rights and write nowhere but on its volumes", () => {
  expect(restrictedContainer({ name: "c", image: "i:1", resources: {} })).toEqual({
    name: "c",
    image: "i:1",
    resources: {},
    imagePullPolicy: "IfNotPresent",
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
  });
});

test("a pod that is deleted finds its data again: Kubernetes deletes no volume", () => {
  const { volumeClaimTemplates: [claim] = [], persistentVolumeClaimRetentionPolicy } = dataVolume(aCluster(), {
    size: "10Gi",
  });
  expect(persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: "Retain", whenScaled: "Retain" });
  expect(claim?.metadata?.name).toBe("data");
  expect(claim?.spec).toEqual({ accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10Gi" } } });
});

test("the volume claims of a cluster carry its name, by which the operator finds them", () => {
  const [claim] = dataVolume(aCluster(), { size: "1Gi" }).volumeClaimTemplates ?? [];
  expect(claim?.metadata?.labels).toEqual({
    "app.kubernetes.io/name": "aaacluster",
    "app.kubernetes.io/instance": "tv",
    "app.kubernetes.io/managed-by": "aaa-operator",
  });
});

test("a volume is of the StorageClass that the spec names", () => {
  const [claim] = dataVolume(aCluster(), { size: "1Gi", storageClassName: "fast" }).volumeClaimTemplates ?? [];
  expect(claim?.spec?.storageClassName).toBe("fast");
});

test("a key of a Secret is needed, unless it is said to be optional", () => {
  const secretKeyRef = { name: "s", key: "k" };
  expect(secretEnv("V", "s", "k")).toEqual({ name: "V", valueFrom: { secretKeyRef } });
  expect(secretEnv("V", "s", "k", true)).toEqual({
    name: "V",
    valueFrom: { secretKeyRef: { ...secretKeyRef, optional: true } },
  });
});

// With the version that the API server would add, so that nothing differs from what it keeps.
test("a container learns the name of its pod", () => {
  const fieldRef = { apiVersion: "v1", fieldPath: "metadata.name" };
  expect(podNameEnv("V")).toEqual({ name: "V", valueFrom: { fieldRef } });
});

test("probes ask every five seconds and wait a few, if nothing else is said", () => {
  expect(tcpProbe(1)).toEqual({ tcpSocket: { port: 1 }, periodSeconds: 5, timeoutSeconds: 3 });
  expect(httpProbe("/", 1)).toEqual({ httpGet: { path: "/", port: 1 }, periodSeconds: 5, timeoutSeconds: 3 });
  expect(execProbe(["a"])).toEqual({ exec: { command: ["a"] }, periodSeconds: 5, timeoutSeconds: 5 });
  expect(tcpProbe(1, { periodSeconds: 2, timeoutSeconds: 1 })).toMatchObject({ periodSeconds: 2, timeoutSeconds: 1 });
});

test("a service has five minutes to start, a minute without an answer to be taken for dead, and says itself when it serves", () => {
  const { startupProbe, livenessProbe, readinessProbe } = serviceProbes(6600);
  const at = (path: string) => ({ httpGet: { path, port: 6600 } });
  expect(startupProbe).toMatchObject({ ...at("/livez"), periodSeconds: 1, failureThreshold: 300 });
  expect(livenessProbe).toMatchObject({ ...at("/livez"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 });
  expect(readinessProbe).toMatchObject({ ...at("/readyz"), periodSeconds: 5 });
});
