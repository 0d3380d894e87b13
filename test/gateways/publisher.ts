import { setTimeout as sleep } from "node:timers/promises";
import amqp, { type Channel, type ChannelModel, type ConsumeMessage } from "amqplib";
import { until } from "../lib/until.ts";

const EVERY_MS = 10;
const MOST_UNCONFIRMED = 200;
const PAUSE_MS = 100;
const CONNECT_MS = 2_000;
const TAKE_MS = 60_000;
/** Two seconds without a sign, and the connection is given up. */
const HEARTBEAT_S = 1;
const QUORUM = { durable: true, arguments: { "x-queue-type": "quorum" } };

/** Publishes numbered messages into a quorum queue of its own, with confirms, and what is not confirmed again. */
export class Publisher implements AsyncDisposable {
  readonly #url: string;
  readonly #queue: string;
  readonly #confirmed = new Set<number>();
  readonly #unconfirmed = new Set<number>();
  readonly #running: Promise<void>;
  #next = 0;
  #connections = 0;
  #stopped = false;

  /** @param url amqp URL of a gateway, with the credentials of a user who may make the queue and use it */
  constructor(url: string, queue: string) {
    this.#url = `${url}${url.includes("?") ? "&" : "?"}heartbeat=${HEARTBEAT_S}`;
    this.#queue = queue;
    this.#running = this.#run();
  }

  get confirmed(): number {
    return this.#confirmed.size;
  }

  /** How often it connected. */
  get connections(): number {
    return this.#connections;
  }

  /** Stops, takes the queue away, and returns the numbers of the messages that were confirmed and are not in it. */
  async lost(): Promise<readonly number[]> {
    await this[Symbol.asyncDispose]();
    const connection = await connect(this.#url);
    const channel = await connection.createChannel();
    const { messageCount } = await channel.assertQueue(this.#queue, QUORUM);
    const found = await take(channel, this.#queue, messageCount);
    await channel.deleteQueue(this.#queue);
    await connection.close();
    return [...this.#confirmed].filter((number) => !found.has(number));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#publish().catch(() => {});
      if (!this.#stopped) await sleep(PAUSE_MS);
    }
  }

  /** Publishes on one connection until it breaks or nothing more is wanted. */
  async #publish(): Promise<void> {
    const connection = await connect(this.#url);
    let isOpen = true;
    const close = (): void => {
      isOpen = false;
    };
    connection.on("close", close);
    connection.on("error", close);
    try {
      const channel = await connection.createConfirmChannel();
      channel.on("close", close);
      channel.on("error", close);
      await channel.assertQueue(this.#queue, QUORUM);
      this.#connections += 1;
      const send = (number: number): void => {
        this.#unconfirmed.add(number);
        channel.sendToQueue(this.#queue, Buffer.from(String(number)), { persistent: true }, (problem) => {
          if (problem) return;
          this.#unconfirmed.delete(number);
          this.#confirmed.add(number);
        });
      };
      for (const number of this.#unconfirmed) send(number);
      while (isOpen && !this.#stopped) {
        if (this.#unconfirmed.size < MOST_UNCONFIRMED) {
          send(this.#next);
          this.#next += 1;
        }
        await sleep(EVERY_MS);
      }
      if (isOpen) await channel.waitForConfirms();
    } finally {
      await connection.close().catch(() => {});
    }
  }
}

/** The numbers of so many messages of a queue. */
async function take(channel: Channel, queue: string, count: number): Promise<ReadonlySet<number>> {
  const found: number[] = [];
  const keep = (message: ConsumeMessage | null): void => {
    if (message !== null) found.push(Number(message.content.toString()));
  };
  await channel.consume(queue, keep, { noAck: true });
  await until(`all ${count} messages of ${queue} are here`, () => found.length >= count, { deadlineMs: TAKE_MS });
  return new Set(found);
}

function connect(url: string): Promise<ChannelModel> {
  return amqp.connect(url, { timeout: CONNECT_MS, noDelay: true });
}
