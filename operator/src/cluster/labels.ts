/** The parts an AaaCluster is made of, as the label app.kubernetes.io/component has them. */
export type Component = "broker" | "broker-gateway" | "oss" | "oss-database" | "oss-gateway" | "aaa" | "aaa-gateway";

export type Labels = Readonly<Record<string, string>>;

const MANAGER = "aaa-operator";
const COMPONENT = "app.kubernetes.io/component";
const INSTANCE = "app.kubernetes.io/instance";
const MANAGED_BY = "app.kubernetes.io/managed-by";

/** Annotation on pods: a hash of the configuration they started with, so that a change rolls them. */
export const CONFIG_ANNOTATION = "aaacluster.io/config-hash";

/** Selects everything this operator made, of any cluster. */
export const OURS = `${MANAGED_BY}=${MANAGER}`;

/** The labels of the operator's own pods, as its chart sets them. */
export const OPERATOR_LABELS: Labels = { "app.kubernetes.io/name": MANAGER };

/** Labels of every child of a cluster. */
export function commonLabels(cluster: string): Labels {
  return { "app.kubernetes.io/name": "aaacluster", [INSTANCE]: cluster, [MANAGED_BY]: MANAGER };
}

/** Labels of one component's objects and pods. */
export function componentLabels(cluster: string, component: Component): Labels {
  return { ...commonLabels(cluster), [COMPONENT]: component };
}

/** The labels that select one component's pods. Never to be changed: selectors are immutable. */
export function selectorLabels(cluster: string, component: Component): Labels {
  return { [INSTANCE]: cluster, [COMPONENT]: component };
}

/** A selector in the form that autoscalers read. */
export function selectorText(cluster: string, component: Component): string {
  return Object.entries(selectorLabels(cluster, component))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

/** The cluster that an object carries the name of. */
export function clusterOf(labels: Labels | undefined): string | undefined {
  return labels?.[INSTANCE];
}

/** The component that an object belongs to. */
export function componentOf(labels: Labels | undefined): string | undefined {
  return labels?.[COMPONENT];
}
