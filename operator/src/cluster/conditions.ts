import type { Condition } from "../api/status.ts";
import type { Observed, Workload } from "./observe.ts";
import type { ValidatedCluster } from "./validate.ts";

/** A condition type and what the checks found for it. */
export interface Verdict {
  readonly type: ConditionType;
  readonly status: "True" | "False";
  readonly reason: Reason;
  readonly message: string;
}

export type ConditionType =
  | "Ready"
  | "BrokerReady"
  | "BrokerFaultTolerant"
  | "OssReady"
  | "NodesReady"
  | "GatewaysReady"
  | "Reconciling";

/** Every reason that a condition can have. */
export type Reason =
  | "AsWanted"
  | "PodsNotReady"
  | "DatabaseNotReady"
  | "ManagementUnreachable"
  | "MembersMissing"
  | "NodesNotSynced"
  | "NoReplicas"
  | "TooFewReplicas"
  | "PartsNotReady"
  | "ApplyFailed"
  | "InvalidSpec"
  | "RollingOut"
  | "Paused";

/** All that a check may look at. */
export interface Findings {
  readonly cluster: ValidatedCluster;
  readonly observed: Observed;
  /** What could not be written, in words. */
  readonly failures: readonly string[];
}

/** A check finds a reason why a condition does not hold, or nothing. */
type Check = (findings: Findings) => { readonly reason: Reason; readonly message: string } | null;

const podsNotReady =
  (workloads: (observed: Observed) => readonly Workload[], reason: Reason = "PodsNotReady"): Check =>
  ({ observed }) => {
    const lacking = workloads(observed).filter(({ ready, wanted }) => ready < wanted);
    if (lacking.length === 0) return null;
    const message = lacking
      .map(({ name, ready, wanted, problems }) =>
        [`${ready} of ${wanted} pods of ${name} are ready`, ...problems].join("; "),
      )
      .join("; ");
    return { reason, message };
  };

const managementUnreachable: Check = ({ observed: { brokerReport } }) =>
  brokerReport.reachable ? null : { reason: "ManagementUnreachable", message: brokerReport.message };

const membersMissing: Check = ({ cluster, observed: { brokerReport } }) =>
  brokerReport.reachable && brokerReport.members < cluster.broker.replicas
    ? {
        reason: "MembersMissing",
        message: `${brokerReport.members} of ${cluster.broker.replicas} brokers are in one cluster`,
      }
    : null;

const noNodes: Check = ({ cluster }) =>
  cluster.nodes.replicas > 0
    ? null
    : { reason: "NoReplicas", message: "no box is answered: set spec.nodes.replicas to 1 or more" };

const nodesNotSynced: Check = ({ observed: { partitions } }) => {
  const behind = partitions.filter(({ synced }) => !synced).map(({ name }) => name);
  return behind.length === 0 ? null : { reason: "NodesNotSynced", message: `not synced: ${behind.join(", ")}` };
};

const tooFewBrokers: Check = ({ cluster: { broker } }) =>
  broker.replicas >= 3
    ? null
    : {
        reason: "TooFewReplicas",
        message: `${broker.replicas} broker(s) tolerate no failure: set spec.broker.replicas to 3`,
      };

/** What each part needs to be ready. The first finding counts. */
const CHECKS: Readonly<Partial<Record<ConditionType, readonly Check[]>>> = {
  BrokerReady: [podsNotReady(({ broker }) => [broker]), managementUnreachable, membersMissing],
  BrokerFaultTolerant: [tooFewBrokers],
  OssReady: [podsNotReady(({ ossDatabase }) => [ossDatabase], "DatabaseNotReady"), podsNotReady(({ oss }) => [oss])],
  NodesReady: [noNodes, podsNotReady(({ nodes }) => [nodes]), nodesNotSynced],
  GatewaysReady: [podsNotReady(({ gateways }) => gateways)],
};

const PARTS: readonly ConditionType[] = ["BrokerReady", "OssReady", "NodesReady", "GatewaysReady"];

/** The verdict on every condition, the summary first. */
export function judge(findings: Findings): readonly Verdict[] {
  const parts = Object.entries(CHECKS).map(([type, checks]): Verdict => {
    const found = checks.map((check) => check(findings)).find((finding) => finding !== null);
    return found === undefined
      ? { type: type as ConditionType, status: "True", reason: "AsWanted", message: "" }
      : { type: type as ConditionType, status: "False", ...found };
  });
  return [summary(parts), ...parts, reconciling(findings)];
}

/** The verdict on a spec that cannot be built. */
export function judgeInvalid(message: string): readonly Verdict[] {
  return [
    { type: "Ready", status: "False", reason: "InvalidSpec", message },
    { type: "Reconciling", status: "False", reason: "InvalidSpec", message },
  ];
}

function summary(parts: readonly Verdict[]): Verdict {
  const lacking = parts.filter(({ type, status }) => PARTS.includes(type) && status === "False");
  return lacking.length === 0
    ? { type: "Ready", status: "True", reason: "AsWanted", message: "" }
    : {
        type: "Ready",
        status: "False",
        reason: "PartsNotReady",
        message: lacking.map(({ type, message }) => `${type}: ${message}`).join("; "),
      };
}

function reconciling({ cluster, observed, failures }: Findings): Verdict {
  const type = "Reconciling";
  if (cluster.paused) return { type, status: "False", reason: "Paused", message: "spec.paused is true" };
  if (failures.length > 0) return { type, status: "True", reason: "ApplyFailed", message: failures.join("; ") };
  const { broker, oss, ossDatabase, nodes, gateways } = observed;
  const moving = [broker, oss, ossDatabase, nodes, ...gateways].filter(({ settled }) => !settled);
  return moving.length === 0
    ? { type, status: "False", reason: "AsWanted", message: "" }
    : { type, status: "True", reason: "RollingOut", message: moving.map(({ name }) => name).join(", ") };
}

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
    return { type, status, observedGeneration, lastTransitionTime, reason, message };
  });
}
