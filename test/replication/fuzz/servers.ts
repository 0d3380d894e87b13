import { type Postgresql, startPostgresql } from "../../services/postgresql.ts";
import { type Rabbitmq, startRabbitmq } from "../../services/rabbitmq.ts";
import { NODES } from "./plan.ts";

/** The broker and the databases' servers, which many runs may use one after the other. */
export interface Servers extends AsyncDisposable {
  readonly rabbitmq: Rabbitmq;
  /** By whom they belong to: `oss`, and every node. */
  readonly postgresql: ReadonlyMap<string, Postgresql>;
  stop(): Promise<void>;
}

export async function startServers(): Promise<Servers> {
  const owned = new AsyncDisposableStack();
  const owners = ["oss", ...NODES];
  try {
    const rabbitmq = owned.use(await startRabbitmq());
    const postgresql = new Map<string, Postgresql>();
    for (const owner of owners) postgresql.set(owner, owned.use(await startPostgresql()));
    const stop = (): Promise<void> => owned.disposeAsync();
    return { rabbitmq, postgresql, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await owned.disposeAsync();
    throw error;
  }
}
