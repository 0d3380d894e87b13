import { Wake } from "@aaa-cluster/service-kit";
import type { Channel, ConsumeMessage } from "amqplib";

const SILENCE_MS = 30_000;
const UNLOADED_CHUNKS = 4;

/** The messages of an exclusive queue, one after the other. */
export class Inbox {
  readonly #channel: Channel;
  readonly #messages: ConsumeMessage[] = [];
  readonly #wake = new Wake();
  readonly #signal: AbortSignal;
  #failure: Error | null = null;

  private constructor(channel: Channel, signal: AbortSignal) {
    this.#channel = channel;
    this.#signal = signal;
  }

  static async open(channel: Channel, queue: string, signal: AbortSignal): Promise<Inbox> {
    const inbox = new Inbox(channel, signal);
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

  /** Waits until there is a message, and leaves it. Rejects when none comes for half a minute. */
  async arrival(): Promise<ConsumeMessage> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure;
      const [message] = this.#messages;
      if (message !== undefined) return message;
      const rung = await this.#wake.wait(this.#signal, SILENCE_MS);
      if (!rung) throw new Error(`no part of the snapshot came for ${SILENCE_MS / 1000} s`);
    }
  }

  /** The messages from the first. One is acknowledged, and makes room for another, when the next is asked for. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumeMessage, never> {
    for (;;) {
      const message = await this.arrival();
      yield message;
      this.#messages.shift();
      this.#channel.ack(message);
    }
  }
}
