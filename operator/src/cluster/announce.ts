import type { Condition } from "../api/status.ts";
import type { EventInput } from "../kube/index.ts";
import type { Verdict } from "./conditions.ts";

const ACTION = "Reconcile";

/**
 * What users are told of by Events: when the cluster became ready or ceased to be, and what could not be written.
 * @param before the conditions as the status had them
 */
export function announcements(before: readonly Condition[], verdicts: readonly Verdict[]): readonly EventInput[] {
  return verdicts.filter((verdict) => isNews(verdict, before)).map(eventOf);
}

/** Not to be ready yet is no news; a failure is each time, as Events count. */
function isNews({ type, status, reason }: Verdict, before: readonly Condition[]): boolean {
  if (type !== "Ready") return reason === "ApplyFailed";
  const known = before.find((condition) => condition.type === type);
  return known === undefined ? status === "True" || reason === "InvalidSpec" : known.status !== status;
}

function eventOf({ type, status, reason, message }: Verdict): EventInput {
  return type === "Ready" && status === "True"
    ? { type: "Normal", reason: "Ready", action: ACTION, note: "All parts are ready" }
    : { type: "Warning", reason, action: ACTION, note: message };
}
