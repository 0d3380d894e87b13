import { MOST_BROKERS, MOST_NODES, MOST_OSS } from "../../api/schema.ts";
import type { Component } from "../labels.ts";
import { PORTS } from "../names.ts";
import { brokerPorts, type ValidatedCluster, type ValidatedGateway, type VirtualRouter } from "../validate.ts";

/** One gateway: what HAProxy listens on, and whom it sends to. */
export interface Gateway {
  readonly component: Component & `${string}-gateway`;
  readonly name: string;
  readonly port: number;
  readonly portName: string;
  /** Where its pods take what comes through its Service. In Keepalived mode many gateways share a network. */
  readonly entrancePort: number;
  /** Where HAProxy says how it is. */
  readonly healthPort: number;
  /** In Keepalived mode. */
  readonly vrrp?: VirtualRouter;
  /** The name of the Service by which candidates for its virtual IP find each other. */
  readonly candidates: string;
  readonly backend: {
    readonly component: Component;
    readonly host: string;
    readonly port: number;
    readonly protocol: "amqp" | "amqps" | "http";
    /** Whether any request may be sent again to another server although the first one may have carried it out. */
    readonly repeatable: boolean;
    /** As many servers as there can ever be, so that scaling changes no configuration. */
    readonly slots: number;
  };
  readonly spec: ValidatedGateway;
}

/** The gateways of a cluster: an external broker has its own. */
export function gatewaysOf(cluster: ValidatedCluster): readonly Gateway[] {
  const { names, namespace, clusterDomain, broker, oss, nodes } = cluster;
  const hostOf = (service: string): string => `${service}.${namespace}.svc.${clusterDomain}`;
  const { amqp } = brokerPorts(cluster);
  const gateway = (one: Omit<Gateway, "entrancePort" | "healthPort" | "vrrp" | "candidates">): Gateway => {
    const { vrrp } = one.spec;
    const candidates = `${one.name}-candidates`;
    if (vrrp === undefined) return { ...one, entrancePort: one.port, healthPort: PORTS.haproxyHealth, candidates };
    const [entrancePort, healthPort] = [PORTS.keepalivedEntrance + vrrp.id, PORTS.keepalivedHealth + vrrp.id];
    return { ...one, entrancePort, healthPort, vrrp, candidates };
  };
  const brokerGateway = gateway({
    component: "broker-gateway",
    name: names.brokerGateway,
    port: PORTS.brokerGateway,
    portName: "amqp",
    backend: {
      component: "broker",
      host: hostOf(names.brokerNodes),
      port: amqp,
      protocol: broker.tls === undefined ? "amqp" : "amqps",
      repeatable: true,
      slots: MOST_BROKERS,
    },
    spec: broker.gateway,
  });
  return [
    ...(broker.external === undefined ? [brokerGateway] : []),
    gateway({
      component: "oss-gateway",
      name: names.ossGateway,
      port: PORTS.ossGateway,
      portName: oss.gateway.tls === undefined ? "http" : "https",
      backend: {
        component: "oss",
        host: hostOf(names.ossNodes),
        port: PORTS.oss,
        protocol: "http",
        repeatable: false,
        slots: MOST_OSS,
      },
      spec: oss.gateway,
    }),
    gateway({
      component: "aaa-gateway",
      name: names.aaaGateway,
      port: PORTS.aaaGateway,
      portName: nodes.gateway.tls === undefined ? "http" : "https",
      // Every call of a box is harmless twice: see the design of accounting.
      backend: {
        component: "aaa",
        host: hostOf(names.aaaNodes),
        port: PORTS.aaa,
        protocol: "http",
        repeatable: true,
        slots: MOST_NODES,
      },
      spec: nodes.gateway,
    }),
  ];
}
