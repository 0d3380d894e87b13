import type { KubeObject } from "../../operator/src/kube/index.ts";

/** What helm --wait, Flux and all that use kstatus make of an object. */
export type Verdict = "InProgress" | "Failed" | "Terminating" | "Current";

interface Judged extends KubeObject {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** kstatus' rules for kinds that it does not know: what says nothing against it is current. */
export function kstatusOf({ metadata, status }: Judged): Verdict {
  const { observedGeneration, conditions = [] } = status ?? {};
  const says = (type: string): string | undefined => conditions.find((condition) => condition.type === type)?.status;
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  if (observedGeneration !== undefined && observedGeneration !== metadata.generation) return "InProgress";
  if (says("Reconciling") === "True") return "InProgress";
  if (says("Stalled") === "True") return "Failed";
  return [undefined, "True"].includes(says("Ready")) ? "Current" : "InProgress";
}
