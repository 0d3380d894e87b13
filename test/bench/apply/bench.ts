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

/** As when events come one by one, and as when they come all at once. */
const PER_MESSAGE = { single: 1, bulk: 256 };

/**
 * A node-service that drains its real quorum queue into its PostgreSQL, beside the same statements with no queue.
 * EVENTS changes how many there are. `ratio_to_limit` is of messages with one event each, as a slow stream leaves them;
 * `bulk_ratio_to_limit` of full ones.
 */
export async function bench(): Promise<object> {
  await using postgresql = await step("Start PostgreSQL", () => startPostgresql());
  await using rabbitmq = await step("Start RabbitMQ", () => startRabbitmq());
  const limit = await step(`${EVENTS} events by the statement alone`, async () => {
    await using pool = await nodeDatabase(postgresql, "alone");
    return await limitOf(pool, EVENTS, DEVICES, BATCH);
  });
  const drained = async (perMessage: number) => {
    await using vhost = await freshVhost(rabbitmq);
    const content = { events: EVENTS, devices: DEVICES, perMessage };
    await step(`Fill the queue, ${perMessage} in a message`, () => fillQueue(vhost, PARTITION, content));
    return await step("Drain it", () => drain(postgresql, vhost, `node_${perMessage}`));
  };
  const single = await drained(PER_MESSAGE.single);
  const bulk = await drained(PER_MESSAGE.bulk);
  return {
    ratio_to_limit: rounded(single.events_per_second / limit),
    ...single,
    bulk_ratio_to_limit: rounded(bulk.events_per_second / limit),
    ...Object.fromEntries(Object.entries(bulk).map(([name, value]) => [`bulk_${name}`, value])),
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
async function drain(server: Server, vhost: FreshVhost, name: string) {
  await using pool = await nodeDatabase(server, name);
  const sequence = async (): Promise<number> => {
    const { rows } = await pool.query<{ sequence: string }>("select sequence from watermark");
    return Number(rows[0]?.sequence);
  };
  await using node = await startNode({
    BROKER_URL: vhost.url,
    BROKER_CREDENTIALS_DIR: vhost.node.dir,
    PARTITION,
    ...libpqEnv(server.url(name)),
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
