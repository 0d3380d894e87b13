import type { AaaCluster } from "../api/aaacluster.ts";
import type { AaaClusterStatus } from "../api/status.ts";
import { conditionsOf, type Verdict } from "./conditions.ts";
import { selectorText } from "./labels.ts";
import type { Observed } from "./observe.ts";

interface StatusInput {
  readonly object: AaaCluster;
  readonly verdicts: readonly Verdict[];
  /** Without it, as for an invalid spec, what was observed before is kept. */
  readonly observed?: Observed;
  readonly operatorVersion: string;
  readonly now: Date;
}

/** The whole status, from nothing but what was observed. */
export function statusOf({ object, verdicts, observed, operatorVersion, now }: StatusInput): AaaClusterStatus {
  const observedGeneration = object.metadata.generation ?? 0;
  const conditions = conditionsOf(verdicts, object.status?.conditions ?? [], observedGeneration, now);
  if (observed === undefined) return { ...object.status, observedGeneration, operatorVersion, conditions };
  const { broker, nodes, endpoints, partitions } = observed;
  return {
    observedGeneration,
    operatorVersion,
    conditions,
    endpoints,
    broker: { replicas: broker.wanted, readyReplicas: broker.ready, ready: `${broker.ready}/${broker.wanted}` },
    nodes: {
      replicas: nodes.existing,
      readyReplicas: nodes.ready,
      ready: `${nodes.ready}/${nodes.wanted}`,
      selector: selectorText(object.metadata.name, "aaa"),
    },
    ...(partitions.length === 0 ? {} : { partitions }),
  };
}
