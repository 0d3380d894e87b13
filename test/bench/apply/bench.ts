import { migrate } from "@aaa-cluster/service-kit";
import pg from "pg";
import { pino } from "pino";
import { BATCH } from "../../../node-service/src/partition/consumer.ts";
import { usageOf } from "../../lib/process-usage.ts";
import { rounded } from "../../lib/statistics.ts";
import { step } from "../../lib/steps.ts";
import { until } from "../../lib/until.ts";
import { type FreshVhost, freshVhost } from "../../services/fresh.ts";
import { libpqEnv, startPostgresql } from "../../services/postgresql.ts";
import { startRabbitmq } from "../../services/rabbitmq.ts";
import { EPOCH } from "./events.ts";
import { limitOf } from "./limit.ts";
import { startNode } from "./node.ts";
import { fillQueue } from "./queue.ts";

const EVENTS = Number(process.env.EVENTS ?? 500_000);
/** So that most events change what is there, as in life. */
const DEVICES = Math.ceil(EVENTS / 5);
const PARTITION = "tv-aaa-0";
const MIGRATIONS = new URL("../../../node-service/src/migrations/", import.meta.url);

/**
 * A node-service that drains its real quorum queue into its PostgreSQL, beside the same statements with no queue.
 * EVENTS changes how many there are.
 */
export async function bench(): Promise<object> {
  await using postgresql = await step("Start PostgreSQL", () => startPostgresql());
  await using rabbitmq = await step("Start RabbitMQ", () => startRabbitmq());
  const limit = await step(`${EVENTS} events by the statement alone`, async () => {
    await using pool = await nodeDatabase(postgresql, "alone");
    return await limitOf(pool, EVENTS, DEVICES, BATCH);
  });
  await using vhost = await freshVhost(rabbitmq);
  await step(`Fill the queue with ${EVENTS} events`, () => fillQueue(vhost, PARTITION, EVENTS, DEVICES));
  const ours = await step("Drain it", () => drain(postgresql, vhost));
  return {
    ratio_to_limit: rounded(ours.events_per_second / limit),
    ...ours,
    limit_events_per_second: rounded(limit),
    events: EVENTS,
    batch: BATCH,
  };
}

type Server = Awaited<ReturnType<typeof startPostgresql>>;

/** The database of a node that was synced at the beginning of the stream. */
async function nodeDatabase(server: Server, name: string): Promise<pg.Pool & AsyncDisposable> {
  await server.createDatabase(name);
  const pool = new pg.Pool({ connectionString: server.url(name), max: 2 });
  await migrate(pool, MIGRATIONS, pino({ enabled: false }));
  await pool.query("update watermark set epoch = $1", [EPOCH]);
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() });
}

/** Lets a node drain its queue, and measures from its first commit to its last. */
async function drain(server: Server, vhost: FreshVhost) {
  await using pool = await nodeDatabase(server, "node");
  const sequence = async (): Promise<number> => {
    const { rows } = await pool.query<{ sequence: string }>("select sequence from watermark");
    return Number(rows[0]?.sequence);
  };
  await using node = await startNode({
    BROKER_URL: vhost.url,
    BROKER_CREDENTIALS_DIR: vhost.node.dir,
    PARTITION,
    ...libpqEnv(server.url("node")),
  });
  const deadline = { deadlineMs: 600_000, intervalMs: 20 };
  const first = await until("the node commits", async () => ((await sequence()) > 0 ? sequence() : null), deadline);
  const began = performance.now();
  await until("the queue is drained", async () => (await sequence()) === EVENTS, deadline);
  const seconds = (performance.now() - began) / 1000;
  const { cpuSeconds, peakMib } = await usageOf(node.pid);
  return {
    events_per_second: rounded((EVENTS - first) / seconds),
    node_cpu_s: rounded(cpuSeconds),
    node_rss_mb: rounded((peakMib * 2 ** 20) / 1e6),
  };
}
