import { PORTS } from "../names.ts";
import { hostAndPort, isReady } from "../pods.ts";
import type { SecretData, Secrets } from "../secrets/store.ts";
import { brokerPorts, type ValidatedCluster } from "../validate.ts";
import type { LivePod } from "../world.ts";
import type { ManagementAddress } from "./management.ts";

/** Where the operator speaks to a broker, and as whom. */
export interface BrokerAccess {
  readonly address: ManagementAddress;
  readonly admin: SecretData;
}

/**
 * How to reach the management interface: at any broker pod that is ready, or where the Secret of an external broker
 * says. Undefined while there is nowhere, or no Secret that says who the operator is there.
 */
export function brokerAccess(
  cluster: ValidatedCluster,
  secrets: Secrets,
  pods: readonly LivePod[],
): BrokerAccess | undefined {
  const { broker, names, namespace } = cluster;
  const ca = broker.tls === undefined ? undefined : secrets[broker.tls.secretName]?.["ca.crt"];
  const tlsFor = (serverName: string): Pick<ManagementAddress, "tls"> =>
    broker.tls === undefined ? {} : { tls: { serverName, ...(ca === undefined ? {} : { ca }) } };
  const { management } = brokerPorts(cluster);
  if (broker.external === undefined) {
    const host = pods.find(isReady)?.status?.podIP;
    const admin = secrets[names.brokerAdmin];
    if (host === undefined || admin === undefined) return undefined;
    // Pods have no certificates of their own: theirs is for the gateway.
    return { admin, address: { host, port: management, ...tlsFor(`${names.brokerGateway}.${namespace}.svc`) } };
  }
  const admin = secrets[broker.external.secretName];
  const { host, "management-port": port = management } = admin ?? {};
  if (admin === undefined || host === undefined) return undefined;
  return { admin, address: { host, port: Number(port), ...tlsFor(host) } };
}

/** Where clients reach an external broker, as host:port. */
export function externalBrokerEndpoint({ broker }: ValidatedCluster, secrets: Secrets): string | undefined {
  const { host, port = PORTS.amqp } = secrets[broker.external?.secretName ?? ""] ?? {};
  return host === undefined ? undefined : hostAndPort(host, port);
}
