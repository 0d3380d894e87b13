import type { Component } from "../labels.ts";
import { BROKER_TOOL_PORTS, PORTS } from "../names.ts";
import { brokerPorts, type ValidatedCluster } from "../validate.ts";
import { type Gateway, gatewaysOf } from "./gateways.ts";

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
    ...gatewaysOf(cluster).flatMap(gatewayArrows),
    { from: "operator", to: "oss", ports: [PORTS.oss] },
    cluster.oss.database.externalSecretName === undefined
      ? { from: "oss", to: "oss-database", ports: [PORTS.ossDatabase] }
      : { from: "oss", to: "anyone", ports: [] },
    { from: "operator", to: "aaa", ports: [PORTS.aaa] },
  ];
}

/** A pod on the network of its Kubernetes node is nobody that policies know: it may come from any address. */
function gatewayArrows({ component, port, backend, healthPort, vrrp }: Gateway): readonly Arrow[] {
  return [
    { from: "anyone", to: component, ports: [port] },
    { from: "operator", to: component, ports: [healthPort] },
    { from: component, to: backend.component, ports: [backend.port] },
    ...(vrrp === undefined ? [] : [{ from: "anyone", to: backend.component, ports: [backend.port] } as const]),
  ];
}

function brokerArrows(cluster: ValidatedCluster): readonly Arrow[] {
  const { amqp, management } = brokerPorts(cluster);
  return [
    ...gatewaysOf(cluster).flatMap(({ component, port, entrancePort, vrrp }) =>
      component !== "broker-gateway"
        ? []
        : (["oss", "aaa"] as const).flatMap((from) => [
            { from, to: component, ports: [port] },
            ...(vrrp === undefined ? [] : [{ from, to: "anyone", ports: [entrancePort] } as const]),
          ]),
    ),
    { from: "broker", to: "broker", ports: [amqp, PORTS.epmd, PORTS.erlangDistribution, BROKER_TOOL_PORTS] },
    { from: "operator", to: "broker", ports: [management] },
  ];
}

/** Where an external broker is, only its Secret says. */
const externalBrokerArrows: readonly Arrow[] = [
  { from: "oss", to: "anyone", ports: [] },
  { from: "aaa", to: "anyone", ports: [] },
];
