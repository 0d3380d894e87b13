import type { AaaCluster } from "../api/aaacluster.ts";
import type { Applier, Stamp } from "../kube/index.ts";
import { PERSISTENT_VOLUME_CLAIM } from "./kinds.ts";
import type { ValidatedCluster } from "./validate.ts";
import type { World } from "./world.ts";

/**
 * Makes the volume claims of a cluster its own, so that they go with it and with nothing else, and deletes those of AAA
 * nodes that were scaled away: what they hold is a copy, but for accounting records, which they send before they end.
 * Returns what could not be done.
 */
export async function tendClaims(
  { world, applier }: { readonly world: World; readonly applier: Applier },
  object: AaaCluster,
  cluster: ValidatedCluster,
  stamp: Stamp,
): Promise<readonly Error[]> {
  const pods = new Set(world.pods(object, "aaa").map(({ metadata }) => metadata.name));
  const errors: Error[] = [];
  for (const claim of world.claims(object)) {
    if (claim.metadata.deletionTimestamp !== undefined) continue;
    const { name } = claim.metadata;
    try {
      if (isAbandoned(cluster, name, pods)) await applier.remove(PERSISTENT_VOLUME_CLAIM, claim);
      else await applier.apply(PERSISTENT_VOLUME_CLAIM, { metadata: { name } }, claim, stamp);
    } catch (error) {
      errors.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  return errors;
}

/**
 * Whether a claim is of an AAA node that is gone and shall not come back.
 * @param pods names of the AAA pods that exist
 */
export function isAbandoned({ names, nodes }: ValidatedCluster, claim: string, pods: ReadonlySet<string>): boolean {
  const prefix = `data-${names.aaa}-`;
  const ordinal = claim.slice(prefix.length);
  if (!claim.startsWith(prefix) || !/^[0-9]+$/.test(ordinal)) return false;
  return Number(ordinal) >= nodes.replicas && !pods.has(`${names.aaa}-${ordinal}`);
}
