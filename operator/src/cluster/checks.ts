import type { Observed, Workload } from "./observe.ts";
import type { ConditionType, Reason } from "./reasons.ts";
import type { ValidatedCluster } from "./validate.ts";

/** All that a check may look at. */
export interface Findings {
  readonly cluster: ValidatedCluster;
  readonly observed: Observed;
  /** Why children could not be written. */
  readonly failures: readonly Error[];
}

/** A check finds a reason why a condition does not hold, or nothing. */
export type Check = (findings: Findings) => { readonly reason: Reason; readonly message: string } | null;

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

/** What each condition needs to hold. The first finding counts. */
export const CHECKS: ReadonlyMap<ConditionType, readonly Check[]> = new Map([
  ["BrokerReady", [podsNotReady(({ broker }) => [broker]), managementUnreachable, membersMissing]],
  ["BrokerFaultTolerant", [tooFewBrokers]],
  [
    "OssReady",
    [podsNotReady(({ ossDatabase }) => [ossDatabase], "DatabaseNotReady"), podsNotReady(({ oss }) => [oss])],
  ],
  ["NodesReady", [noNodes, podsNotReady(({ nodes }) => [nodes]), nodesNotSynced]],
  ["GatewaysReady", [podsNotReady(({ gateways }) => gateways)]],
]);
