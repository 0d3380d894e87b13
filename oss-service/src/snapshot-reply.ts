import {
  encode,
  SNAPSHOT_ROWS_TYPE,
  type SnapshotChunkHeaders,
  type SnapshotEnd,
  type SnapshotRequest,
} from "@aaa-cluster/contract";
import type { ConfirmChannel, Options } from "amqplib";

/** A little less than a frame of AMQP as RabbitMQ has it. */
const CHUNK_BYTES = 120 * 1024;
const UNCONFIRMED_CHUNKS = 8;

/**
 * Publishes a snapshot to a node's reply queue with a few confirms outstanding; fails as soon as the queue is gone. Its
 * memory is that of the chunks that are not confirmed, used again and again.
 */
export class ReplyWriter {
  readonly #channel: ConfirmChannel;
  readonly #request: SnapshotRequest;
  readonly #signal: AbortSignal;
  /** The buffers of the chunks that were published, the oldest first, each with its confirm. */
  readonly #published: { readonly buffer: Buffer; readonly confirmed: Promise<void> }[] = [];
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #length = 0;
  #chunks = 0;
  #gone = false;

  constructor(channel: ConfirmChannel, request: SnapshotRequest, signal: AbortSignal) {
    this.#channel = channel;
    this.#request = request;
    this.#signal = signal;
    channel.on("return", () => {
      this.#gone = true;
    });
  }

  /** @param bytes of the rows, a piece of any size */
  readonly write = async (bytes: Buffer): Promise<void> => {
    for (let from = 0; from < bytes.length; ) {
      const copied = bytes.copy(this.#chunk, this.#length, from);
      from += copied;
      this.#length += copied;
      if (this.#length === CHUNK_BYTES) await this.#writeChunk();
    }
  };

  /** Publishes what has been written and is no whole chunk. */
  async flush(): Promise<void> {
    if (this.#length > 0) await this.#writeChunk();
  }

  /** Publishes the end, after `flush`, and waits until the broker has everything. */
  async writeEnd(end: Omit<SnapshotEnd, "kind" | "requestId" | "chunks">): Promise<void> {
    const message: SnapshotEnd = { kind: "end", requestId: this.#request.requestId, chunks: this.#chunks, ...end };
    await this.#publish(encode(message), { contentType: "application/json" });
    while (this.#published.length > 0) await this.#confirm();
    this.#check();
  }

  async #writeChunk(): Promise<void> {
    this.#check();
    const headers: SnapshotChunkHeaders = { requestId: this.#request.requestId, index: this.#chunks };
    const rows = this.#chunk.subarray(0, this.#length);
    const confirmed = this.#publish(rows, { contentType: SNAPSHOT_ROWS_TYPE, headers });
    // Several fail at once when the broker is lost; the one that is awaited says so.
    confirmed.catch(() => {});
    this.#published.push({ buffer: this.#chunk, confirmed });
    this.#chunks += 1;
    this.#length = 0;
    const isFull = this.#published.length >= UNCONFIRMED_CHUNKS;
    this.#chunk = isFull ? await this.#confirm() : Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  /** Waits until the broker has the oldest chunk, whose buffer is free then. */
  async #confirm(): Promise<Buffer> {
    const [oldest] = this.#published;
    if (oldest === undefined) throw new Error("every chunk is confirmed");
    await oldest.confirmed;
    this.#published.shift();
    return oldest.buffer;
  }

  #check(): void {
    this.#signal.throwIfAborted();
    if (this.#gone) throw new Error(`${this.#request.replyTo} is gone: the node gave up or went away`);
  }

  #publish(message: Buffer, options: Options.Publish): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#channel.publish("", this.#request.replyTo, message, { ...options, mandatory: true }, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
  }
}
