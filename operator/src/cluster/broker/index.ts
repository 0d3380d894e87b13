import type { Logger } from "pino";
import type { Secrets } from "../secrets.ts";
import type { ValidatedCluster } from "../validate.ts";
import { Management } from "./management.ts";
import { type Definitions, planTopology } from "./plan.ts";
import { topologyOf } from "./topology.ts";

/** What the broker said. */
export type BrokerReport =
  | { readonly reachable: true; readonly members: number; readonly repaired: readonly string[] }
  | { readonly reachable: false; readonly message: string };

interface BrokerInput {
  readonly cluster: ValidatedCluster;
  readonly secrets: Secrets;
  /** host:port of the management interface of a broker that is ready; undefined when none is. */
  readonly address: string | undefined;
  /** The names of the AAA pods that exist. */
  readonly nodePods: readonly string[];
  readonly log: Logger;
}

/** Looks at the broker through its management interface and repairs what is not as it shall be. Never rejects. */
export async function tendBroker({ cluster, secrets, address, nodePods, log }: BrokerInput): Promise<BrokerReport> {
  const admin = secrets[cluster.names.brokerAdmin];
  if (address === undefined || admin === undefined) return { reachable: false, message: "no broker pod is ready" };
  try {
    const management = new Management(address, admin);
    const nodes = await management.request<readonly { readonly running: boolean }[]>(
      "GET",
      "/nodes?columns=name,running",
    );
    const members = nodes.filter(({ running }) => running).length;
    if (cluster.paused) return { reachable: true, members, repaired: [] };
    const observed = await management.request<Definitions>("GET", "/definitions");
    const steps = planTopology(topologyOf(cluster, secrets, nodePods), observed);
    for (const { method, path, body, repairs } of steps) {
      await management.request(method, path, body);
      log.info({ repairs }, "Repaired the broker's topology");
    }
    return { reachable: true, members, repaired: steps.map(({ repairs }) => repairs) };
  } catch (error) {
    return { reachable: false, message: error instanceof Error ? error.message : String(error) };
  }
}
