import {
  decodeSnapshotRequest,
  REQUESTS_EXCHANGE,
  SNAPSHOT_REQUESTS_QUEUE,
  SNAPSHOT_ROUTING_KEY,
} from "@aaa-cluster/contract";
import {
  BrokerSession,
  type BrokerSettings,
  digestOfTable,
  digestText,
  isDatabaseAway,
  type Logger,
  type SessionContext,
  untilAborted,
} from "@aaa-cluster/service-kit";
import type { ConsumeMessage } from "amqplib";
import type pg from "pg";
import type { Metrics } from "./metrics.ts";
import { ReplyWriter } from "./snapshot-reply.ts";
import { readRows } from "./snapshot-rows.ts";
import { readStream } from "./sql.ts";

const AT_A_TIME = 2;

export interface SnapshotServerDeps {
  readonly broker: BrokerSettings;
  readonly pool: pg.Pool;
  readonly instance: string;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Answers snapshot requests until the broker or the database is lost; then another replica gets them. */
export async function snapshotSession(deps: SnapshotServerDeps, { signal, ready }: SessionContext): Promise<void> {
  // A replica that has no database must take no request from one that has.
  await readStream(deps.pool);
  await using broker = await BrokerSession.open(deps.broker, `snapshots ${deps.instance}`, signal);
  const requests = await broker.setUp(async () => {
    const channel = await broker.channel();
    await channel.assertQueue(SNAPSHOT_REQUESTS_QUEUE, { durable: true, arguments: { "x-queue-type": "quorum" } });
    await channel.bindQueue(SNAPSHOT_REQUESTS_QUEUE, REQUESTS_EXCHANGE, SNAPSHOT_ROUTING_KEY);
    await channel.prefetch(AT_A_TIME);
    return channel;
  });
  const active = new Set<Promise<void>>();
  await requests.consume(SNAPSHOT_REQUESTS_QUEUE, (message) => {
    if (message === null) return broker.fail(new Error("the broker cancelled the consumer of snapshot requests"));
    const answer = answerRequest(deps, broker, message)
      .then(() => {
        if (!broker.signal.aborted) requests.ack(message);
      })
      .catch(broker.fail)
      .finally(() => active.delete(answer));
    active.add(answer);
  });
  ready();
  try {
    await untilAborted(broker.signal);
  } finally {
    await Promise.allSettled(active);
  }
}

/** A request that cannot be answered is dropped: its node asks again. Rejects when the database is away. */
async function answerRequest(deps: SnapshotServerDeps, broker: BrokerSession, message: ConsumeMessage): Promise<void> {
  try {
    const request = decodeSnapshotRequest(message.content);
    const channel = await broker.confirmChannel();
    const entities = await sendSnapshot(deps.pool, new ReplyWriter(channel, request, broker.signal)).finally(() =>
      broker.release(channel),
    );
    deps.log.info({ partition: request.partition, entities }, "sent a snapshot");
    deps.metrics.snapshots.inc({ result: "sent" });
  } catch (error) {
    deps.log.warn({ err: error }, "could not send a snapshot");
    deps.metrics.snapshots.inc({ result: "failed" });
    if (isDatabaseAway(error)) throw error;
  }
}

/** Sends every entity as of one moment, and the place in the stream of that moment. Memory stays at a few chunks. */
async function sendSnapshot(pool: pg.Pool, reply: ReplyWriter): Promise<number> {
  return atOneMoment(pool, async (client) => {
    const { rows } = await client.query<{ epoch: string; sequence: string }>(
      "select epoch, sequence from relay, stream",
    );
    const [place] = rows;
    if (place === undefined) throw new Error("the stream and relay tables have lost their row");
    const entities = await readRows(client, reply.write);
    await reply.flush();
    await reply.writeEnd({ ...place, digest: await digestNow(client), entities });
    return entities;
  });
}

/** The digest of what the transaction sees. It takes a while, in which the node still loads the last chunks. */
async function digestNow(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ digest: string }>(`select ${digestOfTable("entities")} as digest`);
  return digestText(BigInt(rows[0]?.digest ?? 0));
}

/** Runs `work` in a transaction that only reads. One that failed may be in the middle of reading, so its session ends. */
async function atOneMoment<T>(pool: pg.Pool, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // The statement that fails says so; without a listener the event that comes with it would end the process.
  const lost = (): void => {};
  client.on("error", lost);
  let isOver = false;
  try {
    await client.query("begin isolation level repeatable read read only");
    const result = await work(client);
    await client.query("commit");
    client.off("error", lost);
    isOver = true;
    return result;
  } finally {
    client.release(!isOver);
  }
}
