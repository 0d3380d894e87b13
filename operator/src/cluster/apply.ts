import { AAA_CLUSTER, type AaaCluster } from "../api/aaacluster.ts";
import { type Applier, apiVersionOf, type KubeObject, type Stamp } from "../kube/index.ts";
import type { Child } from "./build/index.ts";
import { CHILD_KINDS } from "./kinds.ts";
import { commonLabels } from "./labels.ts";
import type { World } from "./world.ts";

/** What every child of a cluster is stamped with. */
export function stampOf({ metadata }: AaaCluster): Stamp {
  return {
    namespace: metadata.namespace ?? "default",
    labels: commonLabels(metadata.name),
    owner: {
      apiVersion: apiVersionOf(AAA_CLUSTER),
      kind: AAA_CLUSTER.kind,
      name: metadata.name,
      uid: metadata.uid ?? "",
      controller: true,
      blockOwnerDeletion: true,
    },
  };
}

/**
 * Makes every child as built, and removes children that are no longer built. A child that fails does not keep the
 * others from being made; all errors are returned.
 */
export async function applyAll(
  applier: Applier,
  world: World,
  cluster: AaaCluster,
  children: readonly Child[],
): Promise<readonly Error[]> {
  const stamp = stampOf(cluster);
  const errors: Error[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      errors.push(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const live = new Map(CHILD_KINDS.map((kind) => [kind, world.children<KubeObject>(kind, cluster)]));
  for (const { resource, manifest } of children) {
    const found = live.get(resource)?.find(({ metadata }) => metadata.name === manifest.metadata.name);
    await attempt(() => applier.apply(resource, manifest, found, stamp));
  }
  for (const [resource, objects] of live) {
    const built = new Set(children.filter((child) => child.resource === resource).map(nameOf));
    const surplus = objects.filter(({ metadata }) => !built.has(metadata.name) && !isGoing(metadata));
    for (const object of surplus) await attempt(() => applier.remove(resource, object));
  }
  return errors;
}

const nameOf = ({ manifest }: Child): string => manifest.metadata.name;
const isGoing = (metadata: KubeObject["metadata"]): boolean => metadata.deletionTimestamp !== undefined;
