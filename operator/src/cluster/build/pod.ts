import type {
  V1Affinity,
  V1Container,
  V1EnvVar,
  V1LabelSelector,
  V1PodSecurityContext,
  V1PodSpec,
  V1Probe,
  V1SecurityContext,
  V1StatefulSetSpec,
  V1TopologySpreadConstraint,
} from "@kubernetes/client-node";
import type { ResourcesSpec, SchedulingSpec, StorageSpec } from "../../api/fields.ts";
import { type Component, commonLabels, selectorLabels } from "../labels.ts";
import { componentName } from "../names.ts";
import type { ValidatedCluster } from "../validate.ts";

/** What pods of all components have in common. */

/** The user and group that every image of ours has. */
const USER = 10001;

const POD_SECURITY: V1PodSecurityContext = {
  runAsNonRoot: true,
  runAsUser: USER,
  runAsGroup: USER,
  fsGroup: USER,
  // Otherwise every start opens PostgreSQL's data folder to the group, which it refuses.
  fsGroupChangePolicy: "OnRootMismatch",
  seccompProfile: { type: "RuntimeDefault" },
};

const CONTAINER_SECURITY: V1SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

/** A container under the "restricted" pod security standard. */
export function restrictedContainer({
  resources,
  ...container
}: Omit<V1Container, "resources"> & { readonly resources: ResourcesSpec }): V1Container {
  return {
    imagePullPolicy: "IfNotPresent",
    securityContext: CONTAINER_SECURITY,
    // Quantities may be numbers, which the library's type does not know.
    resources: resources as V1Container["resources"] & object,
    ...container,
  };
}

/** A pod under the "restricted" standard, without access to the API server, where its part may run. */
export function restrictedPod(
  cluster: ValidatedCluster,
  component: Component,
  { spread, nodeSelector, tolerations, priorityClassName }: SchedulingSpec,
  pod: V1PodSpec,
): V1PodSpec {
  const alike = { matchLabels: selectorLabels(cluster.name, component) };
  return {
    serviceAccountName: componentName(cluster.name, component),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: POD_SECURITY,
    affinity: apart(spread, alike),
    topologySpreadConstraints: [overZones(alike)],
    ...(nodeSelector === undefined ? {} : { nodeSelector: { ...nodeSelector } }),
    ...(tolerations === undefined ? {} : { tolerations: [...tolerations] }),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    ...pod,
  };
}

function apart(spread: SchedulingSpec["spread"], labelSelector: V1LabelSelector): V1Affinity {
  const term = { topologyKey: "kubernetes.io/hostname", labelSelector };
  return {
    podAntiAffinity:
      spread === "Required"
        ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
        : { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }] },
  };
}

/** Preferred, because a volume keeps its pod in the zone where it was made. */
function overZones(labelSelector: V1LabelSelector): V1TopologySpreadConstraint {
  return { maxSkew: 1, topologyKey: "topology.kubernetes.io/zone", whenUnsatisfiable: "ScheduleAnyway", labelSelector };
}

/**
 * The volume `data` of each pod of a StatefulSet. Kubernetes never deletes it: whoever deletes a StatefulSet by hand
 * gets it back with its data. The operator does, with the AaaCluster (see `claims.ts`).
 */
export function dataVolume(
  { name }: ValidatedCluster,
  { size, storageClassName }: StorageSpec,
): Pick<V1StatefulSetSpec, "volumeClaimTemplates" | "persistentVolumeClaimRetentionPolicy"> {
  return {
    volumeClaimTemplates: [
      {
        metadata: { name: "data", labels: commonLabels(name) },
        spec: {
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage: size } },
          ...(storageClassName === undefined ? {} : { storageClassName }),
        },
      },
    ],
    persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
  };
}

/** Environment variables from plain values. */
export function env(values: Readonly<Record<string, string>>): V1EnvVar[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}

/** An environment variable with a value of a Secret. */
export function secretEnv(name: string, secretName: string, key: string, optional = false): V1EnvVar {
  return { name, valueFrom: { secretKeyRef: { name: secretName, key, ...(optional ? { optional } : {}) } } };
}

/** An environment variable that holds the pod's own name. */
export function podNameEnv(name: string): V1EnvVar {
  return fieldEnv(name, "metadata.name");
}

/** An environment variable with what Kubernetes knows of the pod. */
export function fieldEnv(name: string, fieldPath: string): V1EnvVar {
  return { name, valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } } };
}

export function tcpProbe(port: number, times: Partial<V1Probe> = {}): V1Probe {
  return { tcpSocket: { port }, periodSeconds: 5, timeoutSeconds: 3, ...times };
}

export function httpProbe(path: string, port: number, times: Partial<V1Probe> = {}): V1Probe {
  return { httpGet: { path, port }, periodSeconds: 5, timeoutSeconds: 3, ...times };
}

/** The probes of a service of ours: alive from its first answer, ready when it says so. */
export function serviceProbes(port: number): Pick<V1Container, "startupProbe" | "livenessProbe" | "readinessProbe"> {
  return {
    startupProbe: httpProbe("/livez", port, { periodSeconds: 1, failureThreshold: 300 }),
    livenessProbe: httpProbe("/livez", port, { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }),
    readinessProbe: httpProbe("/readyz", port),
  };
}

export function execProbe(command: string[], times: Partial<V1Probe> = {}): V1Probe {
  return { exec: { command }, periodSeconds: 5, timeoutSeconds: 5, ...times };
}
