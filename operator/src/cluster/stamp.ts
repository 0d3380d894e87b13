import { AAA_CLUSTER, type AaaCluster } from "../api/aaacluster.ts";
import { ownerReferenceTo, type Stamp } from "../kube/index.ts";
import { commonLabels } from "./labels.ts";

/** What every child of a cluster is stamped with. */
export function stampOf(cluster: AaaCluster): Stamp {
  const { name, namespace = "" } = cluster.metadata;
  return { namespace, labels: commonLabels(name), owner: ownerReferenceTo(AAA_CLUSTER, cluster) };
}
