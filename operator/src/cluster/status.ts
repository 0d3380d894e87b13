import type { AaaCluster } from "../api/aaacluster.ts";
import type { AaaClusterStatus, Partition } from "../api/status.ts";
import { quorumOf } from "./broker/quorum.ts";
import { conditionsOf, type Verdict } from "./conditions.ts";
import { selectorText } from "./labels.ts";
import { type GatewayWorkload, heldIP, holdersOf, type Observed, type Workload } from "./observe.ts";
import type { NodeReport } from "./services.ts";

interface StatusInput {
  readonly object: AaaCluster;
  readonly verdicts: readonly Verdict[];
  /** Without it, as for an invalid spec, nothing is known but the verdicts. */
  readonly observed?: Observed;
  /** Where an external broker is, as host:port. */
  readonly externalBroker?: string;
  readonly operatorVersion: string;
  readonly now: Date;
}

/** The whole status, from nothing but what was observed. */
export function statusOf(input: StatusInput): AaaClusterStatus {
  const { object, verdicts, observed, externalBroker, operatorVersion, now } = input;
  const observedGeneration = object.metadata.generation ?? 0;
  const conditions = conditionsOf(verdicts, object.status?.conditions ?? [], observedGeneration, now);
  const known = { observedGeneration, operatorVersion, conditions };
  if (observed === undefined) return known;
  const { nodes, nodeReports, gateways } = observed;
  return {
    ...known,
    endpoints: endpointsOf(gateways, externalBroker),
    broker: brokerStatus(observed),
    nodes: {
      replicas: nodes.existing,
      readyReplicas: nodes.ready,
      ready: outOf(nodes),
      selector: selectorText(object.metadata.name, "aaa"),
    },
    ...(nodeReports.length === 0 ? {} : { partitions: nodeReports.map(partitionOf) }),
    gateways: gateways.map(gatewayStatus),
  };
}

const outOf = ({ ready, wanted }: Workload): string => `${ready}/${wanted}`;

function brokerStatus({ broker, brokerReport }: Observed): NonNullable<AaaClusterStatus["broker"]> {
  return {
    replicas: broker.wanted,
    readyReplicas: broker.ready,
    ready: broker.wanted === 0 ? "external" : outOf(broker),
    ...(brokerReport.reachable
      ? { version: brokerReport.version, quorum: quorumOf(brokerReport.members, brokerReport.queues) }
      : {}),
  };
}

function gatewayStatus({
  name,
  address,
  reports,
  virtual,
}: GatewayWorkload): NonNullable<AaaClusterStatus["gateways"]>[number] {
  const held = virtual === undefined ? undefined : heldIP(reports, virtual.ip);
  const [holder] = held === undefined ? [] : holdersOf(reports, held);
  return {
    name,
    ...(address === undefined ? {} : { address }),
    ...(holder === undefined ? {} : { holder }),
    ...(virtual?.id === undefined ? {} : { virtualRouterID: virtual.id }),
  };
}

function partitionOf({ consuming: _, behind: __, differs: ___, ...partition }: NodeReport): Partition {
  return partition;
}

function endpointsOf(
  gateways: readonly GatewayWorkload[],
  externalBroker: string | undefined,
): NonNullable<AaaClusterStatus["endpoints"]> {
  const at = (component: GatewayWorkload["component"]): string | undefined =>
    gateways.find((gateway) => gateway.component === component)?.address;
  const broker = externalBroker ?? at("broker-gateway");
  const oss = at("oss-gateway");
  const aaa = at("aaa-gateway");
  return {
    ...(broker === undefined ? {} : { broker }),
    ...(oss === undefined ? {} : { oss }),
    ...(aaa === undefined ? {} : { aaa }),
  };
}
