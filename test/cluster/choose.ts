import type { Cluster } from "./cluster.ts";
import { localCluster } from "./local/local-cluster.ts";

export function chooseCluster(): Cluster {
  return localCluster;
}
