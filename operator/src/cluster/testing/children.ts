import type { V1Container, V1LabelSelector, V1PodSpec, V1PodTemplateSpec } from "@kubernetes/client-node";
import type { Desired } from "../../kube/index.ts";
import { build } from "../build/index.ts";
import type { ValidatedCluster } from "../validate.ts";

/** What is built for a cluster, in forms that tests ask about. */

/** A StatefulSet or Deployment. */
export interface BuiltWorkload {
  readonly kind: string;
  readonly name: string;
  readonly spec: {
    readonly replicas: number;
    readonly serviceName?: string;
    readonly selector: V1LabelSelector;
    readonly template: V1PodTemplateSpec;
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
  readonly pod: V1PodSpec;
  /** Those that run before the others too. */
  readonly containers: readonly V1Container[];
}

export const kindAndName = ({ resource, manifest }: Desired): string => `${resource.kind}/${manifest.metadata.name}`;

export function workloadsOf(cluster: ValidatedCluster): readonly BuiltWorkload[] {
  return build(cluster).flatMap(({ resource: { kind }, manifest }) => {
    const { spec } = manifest as unknown as { readonly spec?: BuiltWorkload["spec"] };
    const pod = spec?.template?.spec;
    if (spec === undefined || pod === undefined) return [];
    const containers = [...(pod.initContainers ?? []), ...pod.containers];
    return [{ kind, name: manifest.metadata.name, spec, pod, containers }];
  });
}

/** The manifests of one kind. */
export function builtOf<T>(cluster: ValidatedCluster, kind: string): readonly T[] {
  return build(cluster).flatMap(({ resource, manifest }) => (resource.kind === kind ? [manifest as T] : []));
}

/** A container by its name, of those of a pod. */
export function containerOf(pod: V1PodSpec | undefined, name: string): V1Container {
  const all = [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])];
  const found = all.find((container) => container.name === name);
  if (found === undefined) throw new Error(`no container ${name} among ${all.map((one) => one.name).join(", ")}`);
  return found;
}

/** Environment variables by name: a value, or `secret:name/key`, or `field:path`. */
export function environmentOf({ env = [] }: V1Container): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => {
      const secret = valueFrom?.secretKeyRef;
      if (secret !== undefined) return [name, `secret:${secret.name}/${secret.key}`];
      return [name, valueFrom?.fieldRef === undefined ? value : `field:${valueFrom.fieldRef.fieldPath}`];
    }),
  );
}

/** The Secrets that a pod cannot start without, or reads if they are there. */
export function secretsOf({ pod, containers }: Pick<BuiltWorkload, "pod" | "containers">): readonly string[] {
  const ofVolumes = (pod.volumes ?? []).flatMap(({ secret, projected }) => [
    secret?.secretName,
    ...(projected?.sources ?? []).map((source) => source.secret?.name),
  ]);
  const ofVariables = containers.flatMap(({ env = [] }) => env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name));
  return [...ofVolumes, ...ofVariables].filter((name) => name !== undefined);
}

/** The pod as Kubernetes would have it of this StatefulSet or Deployment; throws when nothing is built. */
export function podOf(
  workload: { readonly spec?: { readonly template: V1PodTemplateSpec } | undefined } | null,
): V1PodSpec {
  const pod = workload?.spec?.template.spec;
  if (pod === undefined) throw new Error("no pods are built");
  return pod;
}
