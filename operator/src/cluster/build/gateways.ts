import type { GatewaySpec } from "../../api/gateway.ts";
import { MOST_BROKERS, MOST_NODES, MOST_OSS } from "../../api/schema.ts";
import type { Component } from "../labels.ts";
import { PORTS } from "../names.ts";
import { brokerPorts, type ValidatedCluster } from "../validate.ts";

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

/** The gateways of a cluster: an external broker has its own. */
export function gatewaysOf(cluster: ValidatedCluster): readonly Gateway[] {
  const { names, namespace, clusterDomain, broker, oss, nodes } = cluster;
  const hostOf = (service: string): string => `${service}.${namespace}.svc.${clusterDomain}`;
  const { amqp } = brokerPorts(cluster);
  const brokerGateway: Gateway = {
    component: "broker-gateway",
    name: names.brokerGateway,
    port: PORTS.brokerGateway,
    portName: "amqp",
    backend: { host: hostOf(names.brokerNodes), port: amqp, mode: "tcp", slots: MOST_BROKERS },
    spec: broker.gateway,
  };
  return [
    ...(broker.external === undefined ? [brokerGateway] : []),
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
