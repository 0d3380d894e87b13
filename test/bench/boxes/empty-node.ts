import { ACCOUNTING_EXCHANGE, ACCOUNTING_QUEUE, ACCOUNTING_ROUTING_KEY } from "@aaa-cluster/contract";
import { migrate } from "@aaa-cluster/service-kit";
import { connect } from "amqplib";
import pg from "pg";
import { pino } from "pino";
import { ServiceProcess } from "../../replication/fuzz/service-process.ts";
import { Stack } from "../../replication/stack.ts";
import type { Postgresql } from "../../services/postgresql.ts";
import type { Rabbitmq } from "../../services/rabbitmq.ts";
import { fillQueue } from "../apply/queue.ts";
import { LOAD_CORE, pin, SUBJECT_CORE } from "./cores.ts";
import { untilSynced } from "./synced.ts";

const PARTITION = "tv-aaa-0";
const MIGRATIONS = new URL("../../../node-service/src/migrations/", import.meta.url);

/** A node-service in a process of its own on a core that its database does not use, synced with a stream that has no entities. */
export interface EmptyNode extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly pool: pg.Pool;
  readonly stack: Stack;
  /** Makes the queue of accounting records, without which the node keeps what it takes in its outbox. */
  takeRecords(): Promise<void>;
}

/** @param env settings beside those that a pod would have */
export async function startEmptyNode(
  rabbitmq: Rabbitmq,
  postgresql: Postgresql,
  env: Readonly<Record<string, string>> = {},
): Promise<EmptyNode> {
  await using owned = new AsyncDisposableStack();
  const stack = owned.use(await Stack.start({ rabbitmq, postgresql }));
  const database = await stack.database(postgresql);
  const pool = owned.adopt(new pg.Pool({ connectionString: database, max: 2 }), (one) => one.end());
  await migrate(pool, MIGRATIONS, pino({ enabled: false }));
  await pool.query("update watermark set epoch = 1");
  await fillQueue(stack.vhost, PARTITION, { events: 0, devices: 1, perMessage: 1 });
  const node = owned.use(
    new ServiceProcess(PARTITION, "node-service", { ...stack.nodeEnv(PARTITION, database), ...env }),
  );
  await node.start();
  await untilSynced(node, 30_000);
  await pin(node.pid, SUBJECT_CORE);
  await pin(postgresql.pid, LOAD_CORE);
  const all = owned.move();
  return {
    url: node.url,
    pid: node.pid,
    pool,
    stack,
    takeRecords: () => makeQueue(stack),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function makeQueue({ vhost }: Stack): Promise<void> {
  const connection = await connect(vhost.urlAs("admin"));
  const channel = await connection.createChannel();
  await channel.assertQueue(ACCOUNTING_QUEUE, { durable: true, arguments: { "x-queue-type": "quorum" } });
  await channel.bindQueue(ACCOUNTING_QUEUE, ACCOUNTING_EXCHANGE, ACCOUNTING_ROUTING_KEY);
  await connection.close();
}
