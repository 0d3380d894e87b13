import type { Condition } from "../api/status.ts";
import { Forbidden, Foreign, Invalid } from "../kube/index.ts";
import { CHECKS, type Findings } from "./checks.ts";
import { CONDITION_TYPES, type ConditionType, type Reason } from "./reasons.ts";

/** A condition type and what was found for it. */
export interface Verdict {
  readonly type: ConditionType;
  readonly status: Condition["status"];
  readonly reason: Reason;
  readonly message: string;
}

/** Without these a box may not be served, or a broadcast may not reach every node. */
export const PARTS: readonly ConditionType[] = ["BrokerReady", "OssReady", "NodesReady", "GatewaysReady"];

/** The verdict on every condition of a cluster that was looked at. */
export function judge(findings: Findings): readonly Verdict[] {
  const parts = [...CHECKS].map(([type, checks]): Verdict => {
    if (type === "BrokerFaultTolerant" && findings.cluster.broker.external !== undefined) {
      return notObserved(type, "an external broker is looked after by others");
    }
    const found = checks.map((check) => check(findings)).find((finding) => finding !== null);
    return found === undefined ? asWanted(type, "True") : { type, status: "False", ...found };
  });
  const stuck = stalled(findings);
  return [summary(parts), ...parts, reconciling(findings, stuck), stuck];
}

/** The verdict on a cluster that was never looked at: nothing is known of it. */
export function judgeNew(): readonly Verdict[] {
  return CONDITION_TYPES.map((type) => notObserved(type, "the operator has not looked at it yet"));
}

/**
 * The verdict on a spec that cannot be built. What runs is left alone and no longer looked at, so whatever was known of
 * the parts is not known to hold still.
 */
export function judgeInvalid(message: string): readonly Verdict[] {
  const known: Partial<Record<ConditionType, Verdict["status"]>> = {
    Ready: "False",
    Reconciling: "False",
    Stalled: "True",
  };
  return CONDITION_TYPES.map((type) => {
    const status = known[type];
    return status === undefined
      ? notObserved(type, "not looked at while the spec is invalid")
      : { type, status, reason: "InvalidSpec", message };
  });
}

function asWanted(type: ConditionType, status: "True" | "False"): Verdict {
  return { type, status, reason: "AsWanted", message: "" };
}

function notObserved(type: ConditionType, message: string): Verdict {
  return { type, status: "Unknown", reason: "NotObserved", message };
}

function summary(parts: readonly Verdict[]): Verdict {
  const type = "Ready";
  const lacking = parts.filter((part) => PARTS.includes(part.type) && part.status === "False");
  if (lacking.length === 0) return asWanted(type, "True");
  const message = lacking.map((part) => `${part.type}: ${part.message}`).join("; ");
  return { type, status: "False", reason: "PartsNotReady", message };
}

/** Whether trying again cannot help, only a change of the spec, or of what else is in the namespace. */
function stalled({ failures }: Findings): Verdict {
  const type = "Stalled";
  const lasting = failures.filter((error) => error instanceof Foreign || error instanceof Invalid);
  const [first] = lasting;
  if (first === undefined) return asWanted(type, "False");
  const reason = first instanceof Foreign ? "ForeignObject" : "InvalidObject";
  return { type, status: "True", reason, message: inWords(lasting) };
}

/** Whether the cluster is on its way to what its spec says. Tools take this for progress, so it is never said if stalled. */
function reconciling({ cluster, observed, failures }: Findings, stuck: Verdict): Verdict {
  const type = "Reconciling";
  if (cluster.paused) return { type, status: "False", reason: "Paused", message: "spec.paused is true" };
  const message = inWords(failures);
  if (stuck.status === "True") return { type, status: "False", reason: stuck.reason, message };
  if (failures.some(isOfTerminatingNamespace))
    return { type, status: "False", reason: "NamespaceTerminating", message };
  if (failures.length > 0) return { type, status: "True", reason: "ApplyFailed", message };
  const { broker, oss, ossDatabase, nodes, gateways } = observed;
  const moving = [broker, oss, ossDatabase, nodes, ...gateways].filter(({ settled }) => !settled);
  if (moving.length === 0) return asWanted(type, "False");
  return { type, status: "True", reason: "RollingOut", message: moving.map(({ name }) => name).join(", ") };
}

/** Nothing can be made any more, and what exists goes. */
export function isOfTerminatingNamespace(error: unknown): boolean {
  return error instanceof Forbidden && error.message.includes("being terminated");
}

const inWords = (errors: readonly Error[]): string => errors.map(({ message }) => message).join("; ");

/** As many characters as of a message are of use. The CRD, as all of Kubernetes, refuses one of more than 32768. */
const LONGEST_MESSAGE = 4_000;

const cut = (message: string): string =>
  message.length <= LONGEST_MESSAGE ? message : `${message.slice(0, LONGEST_MESSAGE)} …`;

/** Conditions as the status holds them. The time of a condition changes only with its status. */
export function conditionsOf(
  verdicts: readonly Verdict[],
  before: readonly Condition[],
  observedGeneration: number,
  now: Date,
): readonly Condition[] {
  return verdicts.map(({ type, status, reason, message }) => {
    const known = before.find((condition) => condition.type === type);
    const lastTransitionTime =
      known?.status === status ? known.lastTransitionTime : `${now.toISOString().slice(0, 19)}Z`;
    return { type, status, observedGeneration, lastTransitionTime, reason, message: cut(message) };
  });
}
