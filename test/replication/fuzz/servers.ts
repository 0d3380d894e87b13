import { type Postgresql, startPostgresql } from "../../services/postgresql.ts";
import { type Rabbitmq, startRabbitmqCluster } from "../../services/rabbitmq.ts";
import { BROKERS, NODES } from "./plan.ts";

/** The brokers and the databases' servers, which many runs may use one after the other. */
export interface Servers extends AsyncDisposable {
  /** One cluster, by name. */
  readonly brokers: ReadonlyMap<string, Rabbitmq>;
  /** By whom they belong to: `oss`, and every node. */
  readonly postgresql: ReadonlyMap<string, Postgresql>;
  stop(): Promise<void>;
}

export async function startServers(): Promise<Servers> {
  const owned = new AsyncDisposableStack();
  const owners = ["oss", ...NODES];
  try {
    const started = await startRabbitmqCluster(BROKERS.length);
    const brokers = new Map(started.map((broker, index) => [BROKERS[index] ?? "", owned.use(broker)] as const));
    const postgresql = new Map<string, Postgresql>();
    for (const owner of owners) postgresql.set(owner, owned.use(await startPostgresql()));
    const stop = (): Promise<void> => owned.disposeAsync();
    return { brokers, postgresql, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await owned.disposeAsync();
    throw error;
  }
}
