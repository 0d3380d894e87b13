import type { Desired, KubeObject, Resource } from "../kube/index.ts";
import { DEPLOYMENT, STATEFUL_SET } from "./kinds.ts";
import type { LiveDeployment, LiveStatefulSet } from "./world.ts";

const WORKLOADS: readonly Resource[] = [DEPLOYMENT, STATEFUL_SET];

/**
 * Whether a workload that is no longer built stays for now: one of its name but of another kind takes its place, as when
 * a gateway changes its mode, and has no pod that is ready yet.
 */
export function isStillNeeded(
  kind: Resource,
  { metadata: { name } }: KubeObject,
  desired: readonly Desired[],
  live: ReadonlyMap<Resource, readonly KubeObject[]>,
): boolean {
  if (!WORKLOADS.includes(kind)) return false;
  const namesakes = desired.filter(
    ({ resource, manifest }) => WORKLOADS.includes(resource) && manifest.metadata.name === name,
  );
  if (namesakes.length === 0 || namesakes.some(({ resource }) => resource === kind)) return false;
  return namesakes.every(({ resource }) => {
    const successor = live.get(resource)?.find(({ metadata }) => metadata.name === name);
    const { readyReplicas = 0 } = (successor as LiveDeployment | LiveStatefulSet | undefined)?.status ?? {};
    return readyReplicas === 0;
  });
}
