import type { V1ServiceAccount } from "@kubernetes/client-node";
import { type Component, componentLabels } from "../labels.ts";
import { componentName } from "../names.ts";
import type { ValidatedCluster } from "../validate.ts";

/** Who a component's pods are: nobody at the API server, but a name to which clusters may bind a pod security policy. */
export function serviceAccount(
  { name }: ValidatedCluster,
  component: Component,
): V1ServiceAccount & { metadata: { name: string } } {
  return {
    metadata: { name: componentName(name, component), labels: componentLabels(name, component) },
    automountServiceAccountToken: false,
  };
}
