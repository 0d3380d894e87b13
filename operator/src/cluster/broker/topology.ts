import { BROKER, partitionQueue } from "../names.ts";
import type { Secrets } from "../secrets/store.ts";
import { brokerScope, type ValidatedCluster } from "../validate.ts";

/** What shall exist at the broker. */
export interface Topology {
  readonly vhost: string;
  readonly users: readonly User[];
  readonly exchanges: readonly Exchange[];
  readonly policies: readonly Policy[];
  /** Bindings that queues of services must have. A queue that does not exist yet is bound by its service. */
  readonly bindings: readonly Binding[];
  /** Queues of AAA nodes that are gone for good. */
  readonly isAbandoned: (queue: string) => boolean;
}

export interface User {
  readonly name: string;
  readonly password: string;
  readonly permissions: Permissions;
}

export interface Permissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

export interface Exchange {
  readonly name: string;
  readonly type: "fanout" | "direct";
}

export interface Policy {
  readonly name: string;
  readonly pattern: string;
  readonly definition: Readonly<Record<string, string | number>>;
}

export interface Binding {
  readonly source: string;
  readonly destination: string;
  readonly routingKey: string;
}

const escaped = (name: string): string => name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** What each service may do at the broker, and no more. `exchange` is the one that OSS broadcasts to. */
export function permissionsOf(exchange: string): { readonly oss: Permissions; readonly node: Permissions } {
  return {
    oss: {
      configure: "^oss\\.",
      write: `^(${escaped(exchange)}|amq\\.default|oss\\..*)$`,
      read: `^(oss\\..*|${BROKER.requestsExchange}|${BROKER.accountingExchange})$`,
    },
    node: {
      configure: "^aaa\\.(partition|snapshot)\\.",
      write: `^(aaa\\.(partition|snapshot)\\..*|${BROKER.requestsExchange}|${BROKER.accountingExchange})$`,
      read: `^(aaa\\.(partition|snapshot)\\..*|${escaped(exchange)})$`,
    },
  };
}

/** The exchanges between OSS and the nodes. */
export function exchangesOf(exchange: string): readonly Exchange[] {
  return [
    { name: exchange, type: "fanout" },
    { name: BROKER.requestsExchange, type: "direct" },
    { name: BROKER.accountingExchange, type: "direct" },
  ];
}

/** The policies of the queues between OSS and the nodes; `queue` is what the spec says of a node's queue. */
export function policiesOf(queue: ValidatedCluster["broker"]["queue"]): readonly Policy[] {
  return [
    {
      name: BROKER.partitionPolicy,
      pattern: `^${escaped(BROKER.partitionPrefix)}`,
      // Never reject-publish: one dead node would block every broadcast. What is dropped is noticed and resynced.
      definition: {
        overflow: "drop-head",
        "max-length": queue.maxLength,
        "max-length-bytes": queue.maxLengthBytes,
        "delivery-limit": queue.deliveryLimit,
        expires: queue.expiresAfterSeconds * 1000,
      },
    },
    {
      name: BROKER.accountingPolicy,
      pattern: `^${escaped(BROKER.accountingQueue)}$`,
      // RabbitMQ's default throws away what was delivered 20 times to a consumer that died, and this is money.
      definition: { "delivery-limit": -1 },
    },
  ];
}

/**
 * The topology of a cluster.
 * @param pods names of the AAA pods that exist
 */
export function topologyOf(cluster: ValidatedCluster, secrets: Secrets, pods: readonly string[]): Topology {
  const { names, nodes, oss, broker } = cluster;
  const scope = brokerScope(cluster);
  const partitions = partitionPods(cluster);
  const permissions = permissionsOf(oss.exchange);
  const user = (secret: string, granted: Permissions): User[] => {
    const { username, password } = secrets[secret] ?? {};
    return username === undefined || password === undefined ? [] : [{ name: username, password, permissions: granted }];
  };
  return {
    vhost: scope.vhost,
    users: [...user(scope.oss.secret, permissions.oss), ...user(scope.node.secret, permissions.node)],
    exchanges: exchangesOf(oss.exchange),
    policies: policiesOf(broker.queue),
    bindings: [
      ...partitions.map((pod) => ({ source: oss.exchange, destination: partitionQueue(pod), routingKey: "" })),
      {
        source: BROKER.requestsExchange,
        destination: BROKER.snapshotRequestsQueue,
        routingKey: BROKER.snapshotRequestsKey,
      },
      { source: BROKER.accountingExchange, destination: BROKER.accountingQueue, routingKey: BROKER.accountingKey },
    ],
    isAbandoned: (queue) => {
      const ordinal = ordinalOf(queue, partitionQueue(`${names.aaa}-`));
      return ordinal !== undefined && ordinal >= nodes.replicas && !pods.includes(`${names.aaa}-${ordinal}`);
    },
  };
}

/** The names of the AAA pods that a cluster shall have. */
export function partitionPods({ names, nodes }: ValidatedCluster): string[] {
  return Array.from({ length: nodes.replicas }, (_, ordinal) => `${names.aaa}-${ordinal}`);
}

function ordinalOf(queue: string, prefix: string): number | undefined {
  const rest = queue.startsWith(prefix) ? queue.slice(prefix.length) : "";
  return /^[0-9]+$/.test(rest) ? Number(rest) : undefined;
}
