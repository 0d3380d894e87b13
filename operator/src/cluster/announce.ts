import type { AaaCluster } from "../api/aaacluster.ts";
import type { Condition } from "../api/status.ts";
import type { EventInput } from "../kube/index.ts";
import type { Verdict } from "./conditions.ts";
import type { Observed } from "./observe.ts";

/** Every reason that an Event can have, and the type of that Event. `docs/errors.md` explains each. */
export const EVENT_REASONS = {
  Ready: "Normal",
  PartsNotReady: "Warning",
  NodesDiffer: "Warning",
  TopologyRepaired: "Normal",
  ApplyFailed: "Warning",
  InvalidSpec: "Warning",
  ForeignObject: "Warning",
  InvalidObject: "Warning",
} as const satisfies Readonly<Record<string, EventInput["type"]>>;

type EventReason = keyof typeof EVENT_REASONS;

interface Announced {
  /** The cluster with the status as it was before. */
  readonly object: AaaCluster;
  readonly verdicts: readonly Verdict[];
  /** Absent when nothing was looked at. */
  readonly observed?: Pick<Observed, "brokerReport">;
}

/**
 * What users are told of by Events: when the cluster became ready or ceased to be, when nodes were found to differ, what
 * could not be made, and what was repaired at the broker.
 */
export function announcements({ object, verdicts, observed }: Announced): readonly EventInput[] {
  const before = object.status?.conditions ?? [];
  const repaired = observed?.brokerReport.repaired ?? [];
  return [
    ...verdicts.flatMap((verdict) => newsOf(verdict, before)),
    ...(repaired.length > 0 && wasMade(object, before)
      ? [eventOf("TopologyRepaired", `Put right at the broker: ${repaired.join(", ")}`, "RepairTopology")]
      : []),
  ];
}

/** Not to be ready yet is no news; a failure is each time, as Events count. */
function newsOf({ type, status, reason, message }: Verdict, before: readonly Condition[]): readonly EventInput[] {
  if (type === "Ready") {
    const wasReady = isTrue(before.find((condition) => condition.type === type));
    if (status === "True") return wasReady ? [] : [eventOf("Ready", "All parts are ready")];
    return wasReady && reason === "PartsNotReady" ? [eventOf(reason, message)] : [];
  }
  if (reason === "NodesDiffer") {
    const wasSaid = before.some((condition) => condition.type === type && condition.status === status);
    return wasSaid ? [] : [eventOf(reason, message)];
  }
  if (status !== "True") return [];
  switch (reason) {
    case "ApplyFailed":
    case "InvalidSpec":
    case "ForeignObject":
    case "InvalidObject":
      return [eventOf(reason, message)];
    default:
      return [];
  }
}

/**
 * Whether the broker had been as this very spec says. If not, what was done there is its first making, or follows from a
 * change of the spec, and is no repair.
 */
function wasMade({ metadata }: AaaCluster, before: readonly Condition[]): boolean {
  const broker = before.find(({ type }) => type === "BrokerReady");
  return isTrue(broker) && broker?.observedGeneration === metadata.generation;
}

const isTrue = (condition: Condition | undefined): boolean => condition?.status === "True";

function eventOf(reason: EventReason, note: string, action = "Reconcile"): EventInput {
  return { type: EVENT_REASONS[reason], reason, action, note };
}
