import type { Component } from "../labels.ts";
import type { ValidatedCluster } from "../validate.ts";
import { gatewaysOf } from "./gateways.ts";

/** The components that a cluster has pods of, and how many. */
export function componentsOf(
  cluster: ValidatedCluster,
): readonly { readonly component: Component; readonly replicas: number }[] {
  const { broker, oss, nodes } = cluster;
  return [
    ...(broker.external === undefined ? [{ component: "broker", replicas: broker.replicas } as const] : []),
    ...(oss.database.externalSecretName === undefined ? [{ component: "oss-database", replicas: 1 } as const] : []),
    { component: "oss", replicas: oss.replicas },
    { component: "aaa", replicas: nodes.replicas },
    ...gatewaysOf(cluster).map(({ component, spec }) => ({ component, replicas: spec.replicas })),
  ];
}
