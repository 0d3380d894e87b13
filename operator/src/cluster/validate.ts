import { isIP } from "node:net";
import Value from "typebox/value";
import type { AaaCluster } from "../api/aaacluster.ts";
import type { ResourcesSpec, SchedulingSpec, StorageSpec } from "../api/fields.ts";
import type { GatewaySpec } from "../api/gateway.ts";
import { type AaaClusterSpec, Spec } from "../api/schema.ts";
import { keyOf } from "../kube/index.ts";
import { BROKER, type Names, namesOf, PORTS } from "./names.ts";
import type { Settings } from "./settings.ts";
import { type Claim, claimKey, claimsOf, clashesOf, virtualRouterID, virtualRouterIDs } from "./virtual-routers.ts";

/** The spec cannot be built. Only a change of the spec helps. */
export class InvalidSpec extends Error {
  override readonly name = "InvalidSpec";
}

/** A virtual IP, and how its candidates agree on who holds it. */
export interface VirtualRouter {
  readonly id: number;
  readonly ip: string;
  readonly networkInterface: string;
  readonly advertIntervalMilliseconds: number;
  readonly preemptDelaySeconds: number;
  /** What it asks for and another gateway has, in words. While there is any, the gateway stays as it is. */
  readonly clashes: readonly string[];
}

/** A gateway; with `vrrp` in Keepalived mode. */
export interface ValidatedGateway extends GatewaySpec {
  readonly vrrp?: VirtualRouter;
}

interface Part {
  readonly replicas: number;
  readonly image: string;
  readonly resources: ResourcesSpec;
  readonly scheduling: SchedulingSpec;
  readonly gateway: ValidatedGateway;
}

interface Database {
  readonly image: string;
  readonly resources: ResourcesSpec;
  readonly storage: StorageSpec;
}

/** An AaaCluster with all doubt settled: every builder works on this, and none can fail. */
export interface ValidatedCluster {
  readonly name: string;
  readonly namespace: string;
  readonly names: Names;
  readonly clusterDomain: string;
  /** Where the operator's own pods are; absent when it does not run in Kubernetes. */
  readonly operatorNamespace?: string;
  readonly paused: boolean;
  readonly haproxyImage: string;
  readonly keepalivedImage: string;
  readonly broker: Part & Pick<AaaClusterSpec["broker"], "storage" | "additionalConfig" | "queue" | "tls" | "external">;
  readonly oss: Part & {
    readonly exchange: string;
    readonly database: Database & { readonly externalSecretName?: string };
  };
  readonly nodes: Part &
    Pick<AaaClusterSpec["nodes"], "maxLagSeconds" | "staleReads"> & { readonly database: Database };
}

/** The ports at which brokers listen: with TLS or without, never both. */
export function brokerPorts({ broker }: ValidatedCluster): { readonly amqp: number; readonly management: number } {
  return broker.tls === undefined
    ? { amqp: PORTS.amqp, management: PORTS.management }
    : { amqp: PORTS.amqps, management: PORTS.managementTls };
}

/** A user at the broker: its name there, and the Secret that has it with its password. */
interface BrokerUser {
  readonly name: string;
  readonly secret: string;
}

/** What a cluster has of its own at the broker: an external one may serve several clusters. */
export function brokerScope({ broker, namespace, name, names }: ValidatedCluster): {
  readonly vhost: string;
  readonly oss: BrokerUser;
  readonly node: BrokerUser;
} {
  if (broker.external === undefined) {
    return {
      vhost: BROKER.vhost,
      oss: { name: BROKER.ossUser, secret: names.brokerOss },
      node: { name: BROKER.nodeUser, secret: names.brokerNode },
    };
  }
  const vhost = `${namespace}.${name}`;
  return {
    vhost,
    oss: { name: `${vhost}.${BROKER.ossUser}`, secret: names.externalBrokerOss },
    node: { name: `${vhost}.${BROKER.nodeUser}`, secret: names.externalBrokerNode },
  };
}

/**
 * Checks an AaaCluster and fills in what the operator decides.
 * @param claims what gateways of all clusters want for themselves, as `claimsOf` says it
 * @throws InvalidSpec when the object does not fit the schema, as one stored under another CRD may not
 */
export function validate(
  cluster: AaaCluster,
  { images, clusterDomain, namespace }: Settings,
  claims: readonly Claim[] = claimsOf([cluster]),
): ValidatedCluster {
  const { spec, metadata } = cluster;
  const [problem] = Value.Errors(Spec, spec);
  if (problem !== undefined) {
    throw new InvalidSpec(
      `spec${problem.instancePath.replaceAll("/", ".")} ${problem.message}: apply the CRD of this operator`,
    );
  }
  const { broker, oss, nodes } = spec;
  const database = <T extends Omit<Database, "image"> & { readonly image?: string }>(part: T): T & Database => ({
    ...part,
    image: part.image ?? images.postgresql,
  });
  const names = namesOf(metadata.name);
  const ids = virtualRouterIDs(claims);
  const gateway = (spec: GatewaySpec, name: string): ValidatedGateway => {
    const key = claimKey({ cluster: keyOf(cluster), gateway: name });
    return validatedGateway(spec, ids.get(key) ?? virtualRouterID(key), clashesOf(claims, ids, key));
  };
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? "default",
    names,
    clusterDomain,
    ...(namespace === undefined ? {} : { operatorNamespace: namespace }),
    paused: spec.paused,
    haproxyImage: images.haproxy,
    keepalivedImage: images.keepalived,
    broker: {
      ...broker,
      image: broker.image ?? images.rabbitmq,
      gateway: gateway(broker.gateway, names.brokerGateway),
    },
    oss: {
      ...oss,
      image: oss.image ?? images.ossService,
      database: database(oss.database),
      gateway: gateway(oss.gateway, names.ossGateway),
    },
    nodes: {
      ...nodes,
      image: nodes.image ?? images.nodeService,
      database: database(nodes.database),
      gateway: gateway(nodes.gateway, names.aaaGateway),
    },
  };
}

const DEFAULT_ADVERT_INTERVAL_MS = 200;
const DEFAULT_PREEMPT_DELAY_S = 10;

/** What goes into configuration files is checked here too: a text that is no address could say anything there. */
function validatedGateway(spec: GatewaySpec, id: number, clashes: readonly string[]): ValidatedGateway {
  const { mode, virtualIP = "", interface: networkInterface } = spec;
  if (mode !== "Keepalived") return spec;
  if (isIP(virtualIP) === 0 || virtualIP.includes("%")) {
    throw new InvalidSpec(`virtualIP ${JSON.stringify(virtualIP)} is no address: write one, as 192.0.2.10`);
  }
  if (networkInterface === undefined) throw new InvalidSpec("mode: Keepalived needs an interface, as eth0");
  const { advertIntervalMilliseconds = DEFAULT_ADVERT_INTERVAL_MS, preemptDelaySeconds = DEFAULT_PREEMPT_DELAY_S } =
    spec;
  const vrrp = { id, ip: virtualIP, networkInterface, advertIntervalMilliseconds, preemptDelaySeconds, clashes };
  return { ...spec, vrrp };
}
