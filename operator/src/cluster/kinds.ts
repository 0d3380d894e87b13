import type { Resource } from "../kube/index.ts";

export const CONFIG_MAP: Resource = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
export const SECRET: Resource = { group: "", version: "v1", kind: "Secret", plural: "secrets" };
export const SERVICE: Resource = { group: "", version: "v1", kind: "Service", plural: "services" };
export const SERVICE_ACCOUNT: Resource = {
  group: "",
  version: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
};
export const PERSISTENT_VOLUME_CLAIM: Resource = {
  group: "",
  version: "v1",
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
};
export const ENDPOINT_SLICE: Resource = {
  group: "discovery.k8s.io",
  version: "v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
};
export const NETWORK_POLICY: Resource = {
  group: "networking.k8s.io",
  version: "v1",
  kind: "NetworkPolicy",
  plural: "networkpolicies",
};
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
export const CHILD_KINDS = [
  SERVICE_ACCOUNT,
  NETWORK_POLICY,
  CONFIG_MAP,
  SERVICE,
  STATEFUL_SET,
  DEPLOYMENT,
  POD_DISRUPTION_BUDGET,
] as const;
