/** Every condition, in the order in which the status has them. */
export const CONDITION_TYPES = [
  "Ready",
  "BrokerReady",
  "BrokerFaultTolerant",
  "OssReady",
  "NodesReady",
  "NodesConsistent",
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
  SecretInvalid: ["BrokerReady", "OssReady", "GatewaysReady"],
  VirtualIPHeldTwice: ["GatewaysReady"],
  VirtualRoutersClash: ["GatewaysReady"],
  InterfaceMissing: ["GatewaysReady"],
  VirtualIPOutsideSubnet: ["GatewaysReady"],
  VirtualIPInUse: ["GatewaysReady"],
  TooFewCandidates: ["GatewaysReady"],
  PodsNotReady: ["BrokerReady", "OssReady", "NodesReady", "GatewaysReady"],
  ManagementUnreachable: ["BrokerReady"],
  QuorumLost: ["BrokerReady"],
  MembersMissing: ["BrokerReady"],
  AlarmRaised: ["BrokerReady"],
  TooFewReplicas: ["BrokerFaultTolerant"],
  QuorumCritical: ["BrokerFaultTolerant"],
  DatabaseNotReady: ["OssReady"],
  NobodyRelays: ["OssReady"],
  NoReplicas: ["NodesReady"],
  NodesNotConsuming: ["NodesReady"],
  NodesNotSynced: ["NodesReady"],
  NodesBehind: ["NodesReady"],
  NodesDiffer: ["NodesConsistent"],
  EndpointsNotReady: ["GatewaysReady"],
  NoServerUp: ["GatewaysReady"],
  NoAddress: ["GatewaysReady"],
  VirtualIPNotHeld: ["GatewaysReady"],
  RollingOut: ["Reconciling"],
  Paused: ["Reconciling"],
  ApplyFailed: ["Reconciling"],
  NamespaceTerminating: ["Reconciling"],
  InvalidSpec: ["Ready", "Reconciling", "Stalled"],
  ForeignObject: ["Reconciling", "Stalled"],
  InvalidObject: ["Reconciling", "Stalled"],
} as const satisfies Readonly<Record<string, readonly ConditionType[]>>;

/** Why a condition is as it is. */
export type Reason = keyof typeof REASONS;
