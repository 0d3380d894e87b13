import type { Resource } from "../kube/index.ts";

export const CONFIG_MAP: Resource = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
export const SECRET: Resource = { group: "", version: "v1", kind: "Secret", plural: "secrets" };
export const SERVICE: Resource = { group: "", version: "v1", kind: "Service", plural: "services" };
export const POD: Resource = { group: "", version: "v1", kind: "Pod", plural: "pods" };
export const STATEFUL_SET: Resource = { group: "apps", version: "v1", kind: "StatefulSet", plural: "statefulsets" };
export const DEPLOYMENT: Resource = { group: "apps", version: "v1", kind: "Deployment", plural: "deployments" };
export const POD_DISRUPTION_BUDGET: Resource = {
  group: "policy",
  version: "v1",
  kind: "PodDisruptionBudget",
  plural: "poddisruptionbudgets",
};

/** The kinds that are built, compared and pruned. Secrets are made once and only read by name. */
export const CHILD_KINDS = [CONFIG_MAP, SERVICE, STATEFUL_SET, DEPLOYMENT, POD_DISRUPTION_BUDGET] as const;
