import {
  decodeSnapshotRequest,
  encode,
  REQUESTS_EXCHANGE,
  SNAPSHOT_REQUESTS_QUEUE,
  SNAPSHOT_ROUTING_KEY,
  type SnapshotEnd,
  type SnapshotRequest,
} from "@aaa-cluster/contract";
import {
  BrokerSession,
  type BrokerSettings,
  digestOfTable,
  digestText,
  isDatabaseAway,
  type Logger,
  type SessionContext,
  transaction,
  untilAborted,
} from "@aaa-cluster/service-kit";
import type { ConfirmChannel, ConsumeMessage } from "amqplib";
import type pg from "pg";
import type { Metrics } from "./metrics.ts";
import { readStream } from "./sql.ts";

const AT_A_TIME = 2;
const CHUNK = 500;
const UNCONFIRMED_CHUNKS = 8;

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
  return transaction(
    pool,
    async (client) => {
      const { rows } = await client.query<{ epoch: string; sequence: string }>(
        "select epoch, sequence from relay, stream",
      );
      const [place] = rows;
      if (place === undefined) throw new Error("the stream and relay tables have lost their row");
      // As JSON from the database on: nothing here has to look into it.
      await client.query(
        `declare snapshot no scroll cursor for
         select '{"entity":' || to_json(entity) || ',"entityId":' || to_json(entity_id) ||
           ',"entityVersion":"' || version || '","payload":' || payload || '}' as json
         from entities where payload is not null`,
      );
      let entities = 0;
      let chunks = 0;
      for (;;) {
        const { rows: chunk } = await client.query<{ json: string }>(`fetch ${CHUNK} from snapshot`);
        if (chunk.length === 0) break;
        await reply.writeChunk(
          chunks,
          chunk.map(({ json }) => json),
        );
        entities += chunk.length;
        chunks += 1;
      }
      await reply.writeEnd({ ...place, digest: await digestNow(client), chunks, entities });
      await reply.flush();
      return entities;
    },
    "begin isolation level repeatable read read only",
  );
}

/** The digest of what the transaction sees. It takes a while, in which the node still loads the last chunks. */
async function digestNow(client: pg.PoolClient): Promise<string> {
  const { rows } = await client.query<{ digest: string }>(`select ${digestOfTable("entities")} as digest`);
  return digestText(BigInt(rows[0]?.digest ?? 0));
}

/** Publishes to a node's reply queue with a few confirms outstanding; fails as soon as the queue is gone. */
class ReplyWriter {
  readonly #channel: ConfirmChannel;
  readonly #request: SnapshotRequest;
  readonly #signal: AbortSignal;
  readonly #unconfirmed: Promise<void>[] = [];
  #gone = false;

  constructor(channel: ConfirmChannel, request: SnapshotRequest, signal: AbortSignal) {
    this.#channel = channel;
    this.#request = request;
    this.#signal = signal;
    channel.on("return", () => {
      this.#gone = true;
    });
  }

  /** @param entities as JSON */
  async writeChunk(index: number, entities: readonly string[]): Promise<void> {
    const { requestId } = this.#request;
    const head = JSON.stringify({ kind: "chunk", requestId, index });
    await this.#write(Buffer.from(`${head.slice(0, -1)},"entities":[${entities.join(",")}]}`));
  }

  async writeEnd(end: Omit<SnapshotEnd, "kind" | "requestId">): Promise<void> {
    await this.#write(encode({ kind: "end", requestId: this.#request.requestId, ...end }));
  }

  async #write(part: Buffer): Promise<void> {
    this.#check();
    const confirmed = this.#publish(part);
    // Several fail at once when the broker is lost; the one that is awaited says so.
    confirmed.catch(() => {});
    this.#unconfirmed.push(confirmed);
    if (this.#unconfirmed.length >= UNCONFIRMED_CHUNKS) await this.#unconfirmed.shift();
  }

  async flush(): Promise<void> {
    await Promise.all(this.#unconfirmed);
    this.#check();
  }

  #check(): void {
    this.#signal.throwIfAborted();
    if (this.#gone) throw new Error(`${this.#request.replyTo} is gone: the node gave up or went away`);
  }

  #publish(message: Buffer): Promise<void> {
    const options = { mandatory: true, contentType: "application/json" };
    return new Promise((resolve, reject) => {
      this.#channel.publish("", this.#request.replyTo, message, options, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
  }
}
