import type { V1PodDisruptionBudget } from "@kubernetes/client-node";
import { type Component, componentLabels, selectorLabels } from "../labels.ts";
import { componentName } from "../names.ts";
import type { ValidatedCluster } from "../validate.ts";

/** Lets a node drain take one pod of a component at a time. One for a single pod would only block drains: null. */
export function disruptionBudget(
  { name }: ValidatedCluster,
  component: Component,
  replicas: number,
): (V1PodDisruptionBudget & { metadata: { name: string } }) | null {
  if (replicas < 2) return null;
  return {
    metadata: { name: componentName(name, component), labels: componentLabels(name, component) },
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorLabels(name, component) } },
  };
}
