import type { Logger } from "pino";
import type { SecretData, Secrets } from "../secrets/store.ts";
import { brokerScope, type ValidatedCluster } from "../validate.ts";
import { Management, type ManagementAddress } from "./management.ts";
import { type Definitions, planTopology } from "./plan.ts";
import type { Member, Queue } from "./quorum.ts";
import { topologyOf } from "./topology.ts";

/** What the broker said, and what was repaired there. */
export type BrokerReport = {
  /** What was not as it shall be although it had been, in words. */
  readonly repaired: readonly string[];
} & (
  | {
      readonly reachable: true;
      readonly version: string;
      readonly members: readonly Member[];
      /** Those of this cluster's virtual host. */
      readonly queues: readonly Queue[];
    }
  | { readonly reachable: false; readonly message: string }
);

interface BrokerInput {
  readonly cluster: ValidatedCluster;
  readonly secrets: Secrets;
  /** Where and as whom the operator speaks to it; undefined when there is nowhere, or the Secret cannot be used. */
  readonly access: { readonly address: ManagementAddress; readonly admin: SecretData } | undefined;
  /** The names of the AAA pods that exist. */
  readonly nodePods: readonly string[];
  /** The queues from which an AAA node was in sync when it was last asked, which RabbitMQ's statistics show late. */
  readonly syncedQueues: readonly string[];
  readonly log: Logger;
}

/** Looks at the broker through its management interface and repairs what is not as it shall be. Never rejects. */
export async function tendBroker({
  cluster,
  secrets,
  access,
  nodePods,
  syncedQueues,
  log,
}: BrokerInput): Promise<BrokerReport> {
  const repaired: string[] = [];
  if (access === undefined) return { reachable: false, message: "no broker pod is ready", repaired };
  try {
    const management = new Management(access.address, access.admin);
    const vhost = encodeURIComponent(brokerScope(cluster).vhost);
    const [members, definitions] = await Promise.all([
      management.request<readonly Member[]>("GET", "/nodes?columns=name,running,mem_alarm,disk_free_alarm"),
      management.request<Definitions>("GET", "/definitions"),
    ]);
    const queues = definitions.vhosts.some(({ name }) => encodeURIComponent(name) === vhost)
      ? await management.request<readonly Queue[]>("GET", `/queues/${vhost}?columns=name,consumers,members,online`)
      : [];
    if (!cluster.paused) {
      const consumed = queues.flatMap(({ name, consumers = 0 }) => (consumers > 0 ? [name] : []));
      const used = new Set([...consumed, ...syncedQueues]);
      for (const step of planTopology(topologyOf(cluster, secrets, nodePods), definitions, used)) {
        await management.request(step.method, step.path, step.body);
        log.info({ what: step.what, repair: step.isRepair }, "Changed the broker's topology");
        if (step.isRepair) repaired.push(step.what);
      }
    }
    return { reachable: true, version: definitions.product_version ?? "", members, queues, repaired };
  } catch (error) {
    return { reachable: false, message: error instanceof Error ? error.message : String(error), repaired };
  }
}
