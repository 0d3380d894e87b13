import { queuesWithoutMajority, quorumOf } from "./broker/quorum.ts";
import { partitionPods } from "./broker/topology.ts";
import { brokerHost } from "./build/broker-config.ts";
import { TROUBLES } from "./candidates.ts";
import { partitionQueue } from "./names.ts";
import { type GatewayWorkload, holdersOf, type Observed, type Workload } from "./observe.ts";
import type { ConditionType, Reason } from "./reasons.ts";
import type { SecretProblem } from "./secrets/references.ts";
import type { NodeReport } from "./services.ts";
import type { ValidatedCluster } from "./validate.ts";

/** All that a check may look at. */
export interface Findings {
  readonly cluster: ValidatedCluster;
  readonly observed: Observed;
  /** Why children could not be written. */
  readonly failures: readonly Error[];
  /** What is wrong with Secrets that the spec names. */
  readonly secretProblems: readonly SecretProblem[];
}

/** A check finds a reason why a condition does not hold, or nothing. */
export type Check = (findings: Findings) => { readonly reason: Reason; readonly message: string } | null;

const found = (reason: Reason, problems: readonly string[]): ReturnType<Check> =>
  problems.length === 0 ? null : { reason, message: problems.join("; ") };

const secretInvalid =
  (type: ConditionType): Check =>
  ({ secretProblems }) =>
    found(
      "SecretInvalid",
      secretProblems.filter(({ condition }) => condition === type).map(({ message }) => message),
    );

const podsNotReady =
  (workloads: (observed: Observed) => readonly Workload[], reason: Reason = "PodsNotReady"): Check =>
  ({ observed }) =>
    found(
      reason,
      workloads(observed)
        .filter(({ ready, wanted }) => ready < wanted)
        .map(({ name, ready, wanted, problems }) =>
          [`${ready} of ${wanted} pods of ${name} are ready`, ...problems].join("; "),
        ),
    );

const managementUnreachable: Check = ({ observed: { brokerReport } }) =>
  brokerReport.reachable ? null : { reason: "ManagementUnreachable", message: brokerReport.message };

const quorumLost: Check = ({ observed: { brokerReport } }) => {
  if (!brokerReport.reachable) return null;
  const { members, queues } = brokerReport;
  if (quorumOf(members, queues) !== "Lost") return null;
  const down = members.filter(({ running }) => !running).map(({ name }) => name);
  const stuck = queuesWithoutMajority(queues);
  return found("QuorumLost", [
    ...(down.length > 0 ? [`brokers that do not run: ${down.join(", ")}`] : []),
    ...(stuck.length > 0 ? [`queues without a majority of their members: ${stuck.join(", ")}`] : []),
  ]);
};

const membersMissing: Check = ({ cluster, observed: { brokerReport } }) => {
  const { broker, names } = cluster;
  if (!brokerReport.reachable || broker.external !== undefined) return null;
  const running = brokerReport.members.filter((member) => member.running).map(({ name }) => name);
  const missing = Array.from({ length: broker.replicas }, (_, ordinal) => `${names.brokerPods}-${ordinal}`).filter(
    (pod) => !running.includes(`rabbit@${brokerHost(cluster, pod)}`),
  );
  return found("MembersMissing", missing.length === 0 ? [] : [`not in the RabbitMQ cluster: ${missing.join(", ")}`]);
};

const alarmRaised: Check = ({ observed: { brokerReport } }) => {
  const members = brokerReport.reachable ? brokerReport.members : [];
  return found(
    "AlarmRaised",
    members.flatMap(({ name, mem_alarm, disk_free_alarm }) => [
      ...(mem_alarm === true ? [`${name} is short of memory, so nobody may publish: give it more`] : []),
      ...(disk_free_alarm === true ? [`${name} is short of disk, so nobody may publish: give it more`] : []),
    ]),
  );
};

const tooFewBrokers: Check = ({ cluster: { broker } }) =>
  broker.replicas >= 3
    ? null
    : {
        reason: "TooFewReplicas",
        message: `${broker.replicas} broker(s) tolerate no failure: set spec.broker.replicas to 3`,
      };

const quorumCritical: Check = ({ observed: { brokerReport } }) => {
  if (!brokerReport.reachable || quorumOf(brokerReport.members, brokerReport.queues) === "Intact") return null;
  const down = brokerReport.members.filter(({ running }) => !running).map(({ name }) => name);
  const why = down.length === 0 ? "queues have too few members" : `not running: ${down.join(", ")}`;
  return { reason: "QuorumCritical", message: `the loss of one more broker would stop broadcasts; ${why}` };
};

const nobodyRelays: Check = ({ observed: { relaying } }) =>
  relaying ? null : { reason: "NobodyRelays", message: "no OSS pod says that it broadcasts" };

const noNodes: Check = ({ cluster }) =>
  cluster.nodes.replicas > 0
    ? null
    : { reason: "NoReplicas", message: "no box is answered: set spec.nodes.replicas to 1 or more" };

/** One that was scaled away and is still ending takes nothing with it. */
function wantedNodes({ cluster, observed }: Findings): readonly NodeReport[] {
  const wanted = new Set(partitionPods(cluster));
  return observed.nodeReports.filter(({ name }) => wanted.has(name));
}

const nodesThat =
  (reason: Reason, words: string, holds: (node: NodeReport, observed: Observed) => boolean): Check =>
  (findings) => {
    const nodes = wantedNodes(findings).filter((node) => holds(node, findings.observed));
    const names = nodes.map(({ name }) => name);
    return names.length === 0 ? null : { reason, message: `${words}: ${names.join(", ")}` };
  };

/** Both the node and the broker must say so: the broker's statistics are seconds old. */
function isConsuming({ name, consuming }: NodeReport, { brokerReport }: Observed): boolean {
  if (!consuming || !brokerReport.reachable) return consuming;
  return brokerReport.queues.some((queue) => queue.name === partitionQueue(name) && queue.consumers !== 0);
}

/** What the nodes found themselves, and what shows when two of them are at one place of the stream. */
const nodesDiffer: Check = (findings) => {
  const nodes = wantedNodes(findings);
  const fromOss = nodes.filter(({ differs }) => differs).map(({ name }) => name);
  const told = nodes.filter(({ epoch, digest }) => epoch !== undefined && digest !== undefined);
  const byPlace = Map.groupBy(told, ({ epoch, sequence }) => `sequence ${sequence} of epoch ${epoch}`);
  const fromEachOther = [...byPlace].filter(([, group]) => new Set(group.map(({ digest }) => digest)).size > 1);
  return found("NodesDiffer", [
    ...(fromOss.length === 0 ? [] : [`another content than OSS: ${fromOss.join(", ")}`]),
    ...fromEachOther.map(([place, group]) => {
      const digests = group.map(({ name, digest }) => `${name} has ${digest}`);
      return `different content at ${place}: ${digests.join(", ")}`;
    }),
  ]);
};

const endpointsNotReady: Check = ({ observed: { gateways } }) =>
  found(
    "EndpointsNotReady",
    gateways
      .filter(({ readyEndpoints }) => readyEndpoints === 0)
      .map(({ name }) => `Service ${name} has no ready endpoint`),
  );

/** A pod that is new is found a few seconds after it is ready. */
const noServerUp: Check = ({ observed: { gateways } }) =>
  found(
    "NoServerUp",
    gateways
      .filter(({ reports }) => reports.every(({ servers }) => servers === 0))
      .map(({ name }) => `no pod of ${name} knows one to send to`),
  );

/** Only a load balancer takes its time, or never comes. */
const noAddress: Check = ({ observed: { gateways } }) =>
  found(
    "NoAddress",
    gateways
      .filter(({ address, virtual }) => address === undefined && virtual === undefined)
      .map(({ name }) => `Service ${name} has no address yet`),
  );

type VirtualGateway = GatewayWorkload & Required<Pick<GatewayWorkload, "virtual">>;

/** What is wrong with gateways in Keepalived mode. */
const virtualIPs =
  (reason: Reason, problems: (gateway: VirtualGateway) => readonly string[]): Check =>
  ({ observed: { gateways } }) =>
    found(
      reason,
      gateways.flatMap(({ virtual, ...gateway }) => (virtual === undefined ? [] : problems({ ...gateway, virtual }))),
    );

const candidateTroubles = TROUBLES.map((reason) =>
  virtualIPs(reason, ({ virtual }) =>
    virtual.troubles.filter((trouble) => trouble.reason === reason).map(({ message }) => message),
  ),
);

const virtualIPHeldTwice = virtualIPs("VirtualIPHeldTwice", ({ name, reports, virtual }) => {
  const holders = holdersOf(reports, virtual.ip);
  return holders.length > 1 ? [`${virtual.ip} of ${name} is held by ${holders.join(" and ")}`] : [];
});

const virtualIPNotHeld = virtualIPs("VirtualIPNotHeld", ({ name, reports, virtual }) =>
  holdersOf(reports, virtual.ip).length === 0 ? [`nobody holds ${virtual.ip} of ${name}`] : [],
);

const virtualRoutersClash = virtualIPs("VirtualRoutersClash", ({ virtual }) => virtual.clashes);

const tooFewCandidates = virtualIPs("TooFewCandidates", ({ name, ready, virtual, problems }) =>
  ready >= 2 ? [] : [[`nobody would take over ${virtual.ip}: ${ready} of ${name} are ready`, ...problems].join("; ")],
);

/** What each condition needs to hold. The first finding counts. */
export const CHECKS: ReadonlyMap<ConditionType, readonly Check[]> = new Map([
  [
    "BrokerReady",
    [
      secretInvalid("BrokerReady"),
      podsNotReady(({ broker }) => [broker]),
      managementUnreachable,
      quorumLost,
      membersMissing,
      alarmRaised,
    ],
  ],
  ["BrokerFaultTolerant", [tooFewBrokers, quorumCritical]],
  [
    "OssReady",
    [
      secretInvalid("OssReady"),
      podsNotReady(({ ossDatabase }) => [ossDatabase], "DatabaseNotReady"),
      podsNotReady(({ oss }) => [oss]),
      nobodyRelays,
    ],
  ],
  [
    "NodesReady",
    [
      noNodes,
      podsNotReady(({ nodes }) => [nodes]),
      nodesThat("NodesNotSynced", "not synced", ({ synced }) => !synced),
      nodesThat("NodesNotConsuming", "not consuming their queues", (node, observed) => !isConsuming(node, observed)),
      nodesThat("NodesBehind", "behind for longer than spec.nodes.maxLagSeconds", ({ behind }) => behind),
    ],
  ],
  ["NodesConsistent", [nodesDiffer]],
  [
    "GatewaysReady",
    [
      secretInvalid("GatewaysReady"),
      virtualIPHeldTwice,
      virtualRoutersClash,
      ...candidateTroubles,
      tooFewCandidates,
      podsNotReady(({ gateways }) => gateways),
      endpointsNotReady,
      noServerUp,
      noAddress,
      virtualIPNotHeld,
    ],
  ],
]);
