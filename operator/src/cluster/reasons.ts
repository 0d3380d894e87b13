/** Every condition, in the order in which the status has them. */
export const CONDITION_TYPES = [
  "Ready",
  "BrokerReady",
  "BrokerFaultTolerant",
  "OssReady",
  "NodesReady",
  "GatewaysReady",
  "Reconciling",
  "Stalled",
] as const;

/** A condition. */
export type ConditionType = (typeof CONDITION_TYPES)[number];

/** Every reason that a condition can have, and the conditions that can have it. `docs/errors.md` explains each. */
export const REASONS = {
  AsWanted: CONDITION_TYPES,
  NotObserved: CONDITION_TYPES,
  PartsNotReady: ["Ready"],
  PodsNotReady: ["BrokerReady", "OssReady", "NodesReady", "GatewaysReady"],
  ManagementUnreachable: ["BrokerReady"],
  MembersMissing: ["BrokerReady"],
  TooFewReplicas: ["BrokerFaultTolerant"],
  DatabaseNotReady: ["OssReady"],
  NoReplicas: ["NodesReady"],
  NodesNotSynced: ["NodesReady"],
  RollingOut: ["Reconciling"],
  Paused: ["Reconciling"],
  ApplyFailed: ["Reconciling"],
  InvalidSpec: ["Ready", "Reconciling", "Stalled"],
  ForeignObject: ["Reconciling", "Stalled"],
  InvalidObject: ["Reconciling", "Stalled"],
} as const satisfies Readonly<Record<string, readonly ConditionType[]>>;

/** Why a condition is as it is. */
export type Reason = keyof typeof REASONS;
