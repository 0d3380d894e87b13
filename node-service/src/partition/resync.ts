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
import { type BrokerSession, digestText } from "@aaa-cluster/service-kit";
import type { ConfirmChannel } from "amqplib";
import type pg from "pg";
import { Inbox } from "./snapshot-inbox.ts";
import { type Loaded, replaceEntities } from "./snapshot-storage.ts";
import type { Watermark } from "./storage.ts";
import { NEVER_SYNCED } from "./watermark.ts";

const REQUEST_EXPIRES_MS = 30_000;

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
    ask(channel, request, inbox);
    await inbox.arrival();
    const snapshot = new Snapshot(inbox, request.requestId);
    return await replaceEntities(pool, (options) => snapshot.rows(options?.signal), snapshot.judge);
  } finally {
    await channel.deleteQueue(request.replyTo).catch(() => {});
    await broker.release(channel);
  }
}

function ask(channel: ConfirmChannel, request: SnapshotRequest, inbox: Inbox): void {
  // A request that nobody took while this node waited must not be answered later.
  const options = {
    mandatory: true,
    persistent: true,
    expiration: REQUEST_EXPIRES_MS,
    contentType: "application/json",
  };
  channel.on("return", () => inbox.fail(new Error("no OSS takes snapshot requests yet")));
  channel.publish(REQUESTS_EXCHANGE, SNAPSHOT_ROUTING_KEY, encode(request), options, (error) => {
    if (error !== null && error !== undefined) {
      inbox.fail(new Error("the broker refused the snapshot request", { cause: error }));
    }
  });
}

/** The answer to one request: its rows, and whether what was made of them is what OSS says. */
class Snapshot {
  readonly #inbox: Inbox;
  readonly #requestId: string;
  #end: SnapshotEnd | null = null;

  constructor(inbox: Inbox, requestId: string) {
    this.#inbox = inbox;
    this.#requestId = requestId;
  }

  /** Ends when all parts are there, or fails when the signal aborts. */
  async *rows(signal?: AbortSignal): AsyncGenerator<Buffer> {
    signal?.addEventListener("abort", () => this.#inbox.fail(new Error("the snapshot cannot be loaded")));
    let chunks = 0;
    for await (const message of this.#inbox) {
      const part = decodeSnapshotPart(message);
      if (part.requestId !== this.#requestId) throw new Error("got a part of another snapshot");
      if (part.kind === "end") {
        if (part.chunks !== chunks) throw new Error(`the snapshot has ${chunks} of ${part.chunks} chunks`);
        this.#end = part;
        return;
      }
      // Another OSS replica took over and began anew.
      if (part.index !== chunks) throw new Error(`got chunk ${part.index} instead of ${chunks}`);
      yield part.rows;
      chunks += 1;
    }
  }

  readonly judge = ({ entities, digest }: Loaded): Watermark => {
    const end = this.#end;
    if (end === null) throw new Error("the snapshot has no end");
    // From an OSS that has just begun. Its first epoch would show a gap, and the snapshot be taken once more.
    if (BigInt(end.epoch) === NEVER_SYNCED.epoch) throw new Error("OSS has never relayed yet");
    if (end.entities !== entities) throw new Error(`the snapshot has ${entities} of ${end.entities} entities`);
    if (end.digest !== digestText(digest)) throw new Error("the snapshot has another content than OSS says");
    return { place: { epoch: BigInt(end.epoch), sequence: BigInt(end.sequence) }, digest };
  };
}
