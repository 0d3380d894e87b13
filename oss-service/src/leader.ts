import { connectionOptions, type DatabaseSettings, Wake } from "@aaa-cluster/service-kit";
import pg from "pg";
import { tryRelayLock } from "./relay-sql.ts";

const RETRY_MS = 1_000;

/** The database connection that makes this instance the one relay, for as long as the connection lives. */
export class Leader {
  readonly client: pg.Client;
  /** Aborts when the connection is lost, and with it the lock. */
  readonly signal: AbortSignal;

  private constructor(client: pg.Client, signal: AbortSignal) {
    this.client = client;
    this.signal = signal;
  }

  /** Waits until no other instance relays. `onCommit` is called whenever a transaction put events into the outbox. */
  static async elect(database: DatabaseSettings, signal: AbortSignal, onCommit: () => void): Promise<Leader> {
    const client = new pg.Client({
      ...(await connectionOptions(database)),
      // Without these the server holds the lock of a relay whose machine is gone for hours.
      options: "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2",
    });
    const lost = new AbortController();
    client.on("error", (error) => lost.abort(error));
    client.on("end", () => lost.abort(new Error("the relay's database connection ended")));
    client.on("notification", onCommit);
    const leader = new Leader(client, AbortSignal.any([signal, lost.signal]));
    try {
      await client.connect();
      // Not the blocking form of the lock: its statement would hold back vacuum for as long as it waits.
      while (!(await tryRelayLock(client))) await new Wake().wait(leader.signal, RETRY_MS);
      await client.query("listen outbox");
      return leader;
    } catch (error) {
      await leader.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.client.end().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
