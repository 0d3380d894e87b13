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
  /** Where HAProxy says how it is. */
  readonly healthPort: number;
  readonly backend: {
    readonly host: string;
    readonly port: number;
    readonly protocol: "amqp" | "amqps" | "http";
    /** Whether any request may be sent again to another server although the first one may have carried it out. */
    readonly repeatable: boolean;
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
    healthPort: PORTS.haproxyHealth,
    backend: {
      host: hostOf(names.brokerNodes),
      port: amqp,
      protocol: broker.tls === undefined ? "amqp" : "amqps",
      repeatable: true,
      slots: MOST_BROKERS,
    },
    spec: broker.gateway,
  };
  return [
    ...(broker.external === undefined ? [brokerGateway] : []),
    {
      component: "oss-gateway",
      name: names.ossGateway,
      port: PORTS.ossGateway,
      portName: "http",
      healthPort: PORTS.haproxyHealth,
      backend: { host: hostOf(names.ossNodes), port: PORTS.oss, protocol: "http", repeatable: false, slots: MOST_OSS },
      spec: oss.gateway,
    },
    {
      component: "aaa-gateway",
      name: names.aaaGateway,
      port: PORTS.aaaGateway,
      portName: "http",
      healthPort: PORTS.haproxyHealth,
      // Every call of a box is harmless twice: see the design of accounting.
      backend: { host: hostOf(names.aaaNodes), port: PORTS.aaa, protocol: "http", repeatable: true, slots: MOST_NODES },
      spec: nodes.gateway,
    },
  ];
}
