import type { ConsumeMessage } from "amqplib";
import { type Broadcast, readAll } from "./batch.ts";

/** A broadcast that was delivered. */
export interface Arrival {
  readonly broadcast: Broadcast;
  readonly message: ConsumeMessage;
  /** Whether it is the last one of its message, which then is taken as a whole. */
  readonly isLast: boolean;
  /** When it was delivered, in ms of the monotonic clock. */
  readonly at: number;
}

/**
 * What a queue has delivered, in its order. Only so much of it is read as is needed soon: read, a message takes many
 * times its memory.
 */
export class Arrivals {
  readonly #ahead: number;
  readonly #unread: { readonly message: ConsumeMessage; readonly at: number }[] = [];
  #read: Arrival[] = [];

  /** @param ahead how many broadcasts are read before they are asked for */
  constructor(ahead: number) {
    this.#ahead = ahead;
  }

  /** Whether there is nothing. */
  get isEmpty(): boolean {
    return this.#read.length === 0;
  }

  /** How many messages there are that were not taken as a whole. */
  get messages(): number {
    return this.#unread.length + this.#read.filter(({ isLast }) => isLast).length;
  }

  push(message: ConsumeMessage, at: number): void {
    this.#unread.push({ message, at });
    this.readAhead();
  }

  readonly readAhead = (): void => {
    while (this.#read.length < this.#ahead) {
      const next = this.#unread.shift();
      if (next === undefined) return;
      const broadcasts = readAll(next.message.content);
      for (const [index, broadcast] of broadcasts.entries()) {
        this.#read.push({ ...next, broadcast, isLast: index === broadcasts.length - 1 });
      }
    }
  };

  /** The first ones, which stay. */
  first(count: number): readonly Arrival[] {
    return this.#read.slice(0, count);
  }

  drop(count: number): void {
    this.#read = this.#read.slice(count);
  }
}
