import type { GatewaySpec } from "../../api/fields.ts";
import { MOST_BROKERS, MOST_NODES, MOST_OSS } from "../../api/schema.ts";
import type { Component } from "../labels.ts";
import { PORTS } from "../names.ts";
import type { ValidatedCluster } from "../validate.ts";

/** One gateway: what HAProxy listens on, and whom it sends to. */
export interface Gateway {
  readonly component: Component & `${string}-gateway`;
  readonly name: string;
  readonly port: number;
  readonly portName: string;
  readonly backend: {
    readonly host: string;
    readonly port: number;
    readonly mode: "tcp" | "http";
    /** As many servers as there can ever be, so that scaling changes no configuration. */
    readonly slots: number;
  };
  readonly spec: GatewaySpec;
}

/** The three gateways of a cluster. */
export function gatewaysOf({
  names,
  namespace,
  clusterDomain,
  broker,
  oss,
  nodes,
}: ValidatedCluster): readonly Gateway[] {
  const hostOf = (service: string): string => `${service}.${namespace}.svc.${clusterDomain}`;
  return [
    {
      component: "broker-gateway",
      name: names.brokerGateway,
      port: PORTS.brokerGateway,
      portName: "amqp",
      backend: { host: hostOf(names.brokerNodes), port: PORTS.amqp, mode: "tcp", slots: MOST_BROKERS },
      spec: broker.gateway,
    },
    {
      component: "oss-gateway",
      name: names.ossGateway,
      port: PORTS.ossGateway,
      portName: "http",
      backend: { host: hostOf(names.ossNodes), port: PORTS.oss, mode: "http", slots: MOST_OSS },
      spec: oss.gateway,
    },
    {
      component: "aaa-gateway",
      name: names.aaaGateway,
      port: PORTS.aaaGateway,
      portName: "http",
      backend: { host: hostOf(names.aaaNodes), port: PORTS.aaa, mode: "http", slots: MOST_NODES },
      spec: nodes.gateway,
    },
  ];
}
