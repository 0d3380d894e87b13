import type { KubeObject, Resource } from "../kube/index.ts";
import type { AaaClusterSpec } from "./schema.ts";
import type { AaaClusterStatus } from "./status.ts";

export const AAA_CLUSTER: Resource = {
  group: "aaacluster.io",
  version: "v1alpha1",
  kind: "AaaCluster",
  plural: "aaaclusters",
};

/** An AaaCluster as the API server gives it: checked against the schema, defaults filled in. */
export interface AaaCluster extends KubeObject {
  readonly spec: AaaClusterSpec;
  readonly status?: AaaClusterStatus;
}
