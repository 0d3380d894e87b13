import type { Component } from "../labels.ts";
import { BROKER_TOOL_PORTS, PORTS } from "../names.ts";
import { brokerPorts, type ValidatedCluster } from "../validate.ts";
import { gatewaysOf } from "./gateways.ts";

/** TCP ports from the first to the last. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** One connection of the picture: who opens it, to whom, on which TCP ports; no ports: any. */
export interface Arrow {
  readonly from: Component | "operator" | "anyone";
  readonly to: Component | "anyone";
  readonly ports: readonly (number | PortRange)[];
}

/** Every connection that the parts of a cluster need, and none besides. */
export function arrowsOf(cluster: ValidatedCluster): readonly Arrow[] {
  return [
    ...(cluster.broker.external === undefined ? brokerArrows(cluster) : externalBrokerArrows),
    { from: "anyone", to: "oss-gateway", ports: [PORTS.ossGateway] },
    ...gatewaysOf(cluster).map(({ component, healthPort }) => ({
      from: "operator" as const,
      to: component,
      ports: [healthPort],
    })),
    { from: "oss-gateway", to: "oss", ports: [PORTS.oss] },
    { from: "operator", to: "oss", ports: [PORTS.oss] },
    cluster.oss.database.externalSecretName === undefined
      ? { from: "oss", to: "oss-database", ports: [PORTS.ossDatabase] }
      : { from: "oss", to: "anyone", ports: [] },
    { from: "anyone", to: "aaa-gateway", ports: [PORTS.aaaGateway] },
    { from: "aaa-gateway", to: "aaa", ports: [PORTS.aaa] },
    { from: "operator", to: "aaa", ports: [PORTS.aaa] },
  ];
}

function brokerArrows(cluster: ValidatedCluster): readonly Arrow[] {
  const { amqp, management } = brokerPorts(cluster);
  return [
    { from: "anyone", to: "broker-gateway", ports: [PORTS.brokerGateway] },
    { from: "oss", to: "broker-gateway", ports: [PORTS.brokerGateway] },
    { from: "aaa", to: "broker-gateway", ports: [PORTS.brokerGateway] },
    { from: "broker-gateway", to: "broker", ports: [amqp] },
    { from: "broker", to: "broker", ports: [amqp, PORTS.epmd, PORTS.erlangDistribution, BROKER_TOOL_PORTS] },
    { from: "operator", to: "broker", ports: [management] },
  ];
}

/** Where an external broker is, only its Secret says. */
const externalBrokerArrows: readonly Arrow[] = [
  { from: "oss", to: "anyone", ports: [] },
  { from: "aaa", to: "anyone", ports: [] },
];
