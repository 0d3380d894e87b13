import { randomUUID } from "node:crypto";
import {
  decodeSnapshotPart,
  encode,
  REQUESTS_EXCHANGE,
  SNAPSHOT_ROUTING_KEY,
  type SnapshotEnd,
  type SnapshotRequest,
  snapshotQueue,
} from "@aaa-cluster/contract";
import { type BrokerSession, digestText, Wake } from "@aaa-cluster/service-kit";
import type { ConfirmChannel, ConsumeMessage } from "amqplib";
import type pg from "pg";
import {
  digestOfSnapshot,
  indexSnapshot,
  loadChunk,
  prepareSnapshot,
  swapSnapshot,
  type Watermark,
} from "./storage.ts";

const SILENCE_MS = 30_000;
const UNLOADED_CHUNKS = 4;

/**
 * Asks OSS for a snapshot, loads it beside the live data and swaps it in. Anything unexpected makes it throw and leaves
 * the live data as it was; the caller starts over.
 * @returns the place in the stream at which the new data is exact, and its digest
 */
export async function takeSnapshot(broker: BrokerSession, pool: pg.Pool, partition: string): Promise<Watermark> {
  const request = { requestId: randomUUID(), partition, replyTo: snapshotQueue(partition) };
  const channel = await broker.confirmChannel();
  try {
    const inbox = await Inbox.open(channel, request.replyTo, broker.signal);
    await prepareSnapshot(pool);
    ask(channel, request, inbox);
    const end = await load(inbox, channel, pool, request.requestId);
    const [digest] = await Promise.all([digestOfSnapshot(pool), indexSnapshot(pool)]);
    // An OSS that is older than digests tells none.
    if (end.digest !== undefined && end.digest !== digestText(digest)) {
      throw new Error("the snapshot has another content than OSS says");
    }
    const watermark = { place: { epoch: BigInt(end.epoch), sequence: BigInt(end.sequence) }, digest };
    await swapSnapshot(pool, watermark);
    return watermark;
  } finally {
    await channel.deleteQueue(request.replyTo).catch(() => {});
    await broker.release(channel);
  }
}

function ask(channel: ConfirmChannel, request: SnapshotRequest, inbox: Inbox): void {
  // A request that nobody took while this node waited must not be answered later.
  const options = { mandatory: true, persistent: true, expiration: SILENCE_MS, contentType: "application/json" };
  channel.on("return", () => inbox.fail(new Error("no OSS takes snapshot requests yet")));
  channel.publish(REQUESTS_EXCHANGE, SNAPSHOT_ROUTING_KEY, encode(request), options, (error) => {
    if (error !== null && error !== undefined) {
      inbox.fail(new Error("the broker refused the snapshot request", { cause: error }));
    }
  });
}

async function load(inbox: Inbox, channel: ConfirmChannel, pool: pg.Pool, requestId: string): Promise<SnapshotEnd> {
  let chunks = 0;
  let entities = 0;
  // One chunk is loaded while the next is received and read.
  let loading: Promise<void> = Promise.resolve();
  for (;;) {
    const message = await inbox.next();
    const part = decodeSnapshotPart(message.content);
    await loading;
    if (part.requestId !== requestId) throw new Error("got a part of another snapshot");
    if (part.kind === "end") {
      if (part.chunks === chunks && part.entities === entities) return part;
      throw new Error(`the snapshot has ${entities} of ${part.entities} entities`);
    }
    // Another OSS replica took over and began anew.
    if (part.index !== chunks) throw new Error(`got chunk ${part.index} instead of ${chunks}`);
    loading = loadChunk(pool, message.content).then(() => channel.ack(message));
    // It is awaited with the next part; until then a failure has no other listener.
    loading.catch(() => {});
    chunks += 1;
    entities += part.entities.length;
  }
}

/** The messages of an exclusive queue, one after the other. */
class Inbox {
  readonly #messages: ConsumeMessage[] = [];
  readonly #wake = new Wake();
  readonly #signal: AbortSignal;
  #failure: Error | null = null;

  private constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  static async open(channel: ConfirmChannel, queue: string, signal: AbortSignal): Promise<Inbox> {
    const inbox = new Inbox(signal);
    await channel.assertQueue(queue, { exclusive: true, autoDelete: true, durable: false });
    await channel.prefetch(UNLOADED_CHUNKS);
    await channel.consume(queue, (message) => {
      if (message === null) return inbox.fail(new Error("the snapshot queue was deleted"));
      inbox.#messages.push(message);
      inbox.#wake.ring();
    });
    return inbox;
  }

  readonly fail = (error: Error): void => {
    this.#failure = error;
    this.#wake.ring();
  };

  async next(): Promise<ConsumeMessage> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      const rung = await this.#wake.wait(this.#signal, SILENCE_MS);
      if (!rung) throw new Error(`no part of the snapshot came for ${SILENCE_MS / 1000} s`);
    }
  }
}
