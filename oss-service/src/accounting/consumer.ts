import { ACCOUNTING_EXCHANGE, ACCOUNTING_QUEUE, ACCOUNTING_ROUTING_KEY } from "@aaa-cluster/contract";
import {
  BrokerSession,
  type BrokerSettings,
  isDatabaseAway,
  isDataError,
  type Logger,
  type SessionContext,
  untilDone,
  Wake,
} from "@aaa-cluster/service-kit";
import type { Channel, ConsumeMessage } from "amqplib";
import type pg from "pg";
import type { Metrics } from "../metrics.ts";
import { type Delivery, partsOf, readDelivery } from "./batch.ts";
import { storeDeliveries } from "./storage.ts";

const PREFETCH = 300;

export interface AccountingConsumerDeps {
  readonly broker: BrokerSettings;
  readonly pool: pg.Pool;
  readonly instance: string;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Takes accounting records from the queue into the database until the broker is lost. Every replica does. */
export async function accountingSession(
  deps: AccountingConsumerDeps,
  { signal, ready }: SessionContext,
): Promise<void> {
  await using broker = await BrokerSession.open(deps.broker, `accounting ${deps.instance}`, signal);
  const consumer = await broker.setUp(async () => {
    const consumer = new Consumer(deps, broker, await broker.channel());
    await consumer.declare();
    return consumer;
  });
  ready();
  await consumer.run();
}

class Consumer {
  readonly #deps: AccountingConsumerDeps;
  readonly #broker: BrokerSession;
  readonly #channel: Channel;
  readonly #wake = new Wake();
  #messages: ConsumeMessage[] = [];

  constructor(deps: AccountingConsumerDeps, broker: BrokerSession, channel: Channel) {
    this.#deps = deps;
    this.#broker = broker;
    this.#channel = channel;
  }

  async declare(): Promise<void> {
    await this.#channel.assertQueue(ACCOUNTING_QUEUE, { durable: true, arguments: { "x-queue-type": "quorum" } });
    await this.#channel.bindQueue(ACCOUNTING_QUEUE, ACCOUNTING_EXCHANGE, ACCOUNTING_ROUTING_KEY);
    await this.#channel.prefetch(PREFETCH);
    await this.#channel.consume(ACCOUNTING_QUEUE, (message) => {
      if (message === null) return this.#broker.fail(new Error("the broker cancelled the consumer of accounting"));
      this.#messages.push(message);
      this.#wake.ring();
    });
  }

  /** Stores and then acknowledges whatever has arrived, again and again. */
  async run(): Promise<never> {
    for (;;) {
      while (this.#messages.length === 0) await this.#wake.wait(this.#broker.signal);
      const messages = this.#messages;
      this.#messages = [];
      await this.#store(messages.map(({ content }) => readDelivery(content)));
      this.#broker.signal.throwIfAborted();
      this.#channel.ack(messages.at(-1) as ConsumeMessage, true);
    }
  }

  /** While the database is away: keeps what was delivered, takes no more than the prefetch, gives nothing back. */
  async #store(deliveries: readonly Delivery[]): Promise<void> {
    const { pool, log, metrics } = this.#deps;
    try {
      const store = () => storeDeliveries(pool, deliveries);
      const { stored, quarantined } = await untilDone("store accounting records", store, {
        signal: this.#broker.signal,
        log,
        retryIf: isDatabaseAway,
      });
      metrics.accountingStored.inc(stored);
      metrics.accountingQuarantined.inc(quarantined);
    } catch (error) {
      if (!isDataError(error)) throw error;
      for (const part of partsOf(deliveries, error)) await this.#store(part);
    }
  }
}
