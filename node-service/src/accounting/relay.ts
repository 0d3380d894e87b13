import { ACCOUNTING_EXCHANGE, ACCOUNTING_ROUTING_KEY, type AccountingRecord, encode } from "@aaa-cluster/contract";
import {
  BrokerSession,
  type BrokerSettings,
  type Logger,
  migrate,
  type SessionContext,
  untilDone,
  type Wake,
} from "@aaa-cluster/service-kit";
import type { ConfirmChannel } from "amqplib";
import type pg from "pg";
import type { Metrics } from "../metrics.ts";
import { markDelivered, pruneDelivered, readUndelivered } from "./outbox.ts";
import { DeliveryWindow } from "./window.ts";

const WINDOW = 256;
const TICK_MS = 1_000;
const PRUNE_EVERY_MS = 60_000;
const CONFIRM_TIMEOUT_MS = 30_000;

export interface AccountingRelayDeps {
  readonly broker: BrokerSettings;
  readonly pool: pg.Pool;
  readonly migrations: URL;
  readonly partition: string;
  /** Rung whenever there is a new record. */
  readonly wake: Wake;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/**
 * Hands the outbox to the accounting exchange until the broker or the database is lost. What the broker had not confirmed
 * by then, or this node had not noted as confirmed, is sent again: OSS takes every record once.
 */
export async function accountingSession(deps: AccountingRelayDeps, { signal, ready }: SessionContext): Promise<void> {
  const { pool, migrations, log } = deps;
  await untilDone("migrate", () => migrate(pool, migrations, log), { signal, log });
  // A connection of its own: the broker holds back all that publish when it is short of memory, and consumers must go on.
  await using broker = await BrokerSession.open(deps.broker, `accounting ${deps.partition}`, signal);
  const channel = await broker.setUp(() => broker.confirmChannel());
  ready();
  await new Relay(deps, broker, channel).run();
}

class Relay {
  readonly #pool: pg.Pool;
  readonly #wake: Wake;
  readonly #metrics: Metrics;
  readonly #broker: BrokerSession;
  readonly #channel: ConfirmChannel;
  readonly #window = new DeliveryWindow();
  #prunedAt = 0;
  #pausedUntil = 0;

  constructor({ pool, wake, metrics }: AccountingRelayDeps, broker: BrokerSession, channel: ConfirmChannel) {
    this.#pool = pool;
    this.#wake = wake;
    this.#metrics = metrics;
    this.#broker = broker;
    this.#channel = channel;
    channel.on("return", ({ properties }) => this.#window.returned(String(properties.messageId)));
  }

  async run(): Promise<never> {
    for (;;) {
      // First, as what is marked makes room.
      await this.#mark();
      const room = WINDOW - this.#window.size;
      const records = room >= WINDOW / 2 && Date.now() >= this.#pausedUntil ? await this.#read(room) : [];
      for (const record of records) this.#publish(record);
      await this.#prune();
      if (records.length === 0) await this.#wake.wait(this.#broker.signal, TICK_MS);
      this.#broker.signal.throwIfAborted();
      this.#checkConfirmTimeout();
    }
  }

  #read(limit: number): Promise<AccountingRecord[]> {
    return readUndelivered(this.#pool, this.#window.underWay, limit);
  }

  #publish(record: AccountingRecord): void {
    const { recordId } = record;
    const options = { messageId: recordId, persistent: true, mandatory: true, contentType: "application/json" };
    this.#window.sent(recordId, Date.now());
    this.#channel.publish(ACCOUNTING_EXCHANGE, ACCOUNTING_ROUTING_KEY, encode(record), options, (error) => {
      const isConfirmed = error === null || error === undefined;
      const tookMs = this.#window.answered(recordId, isConfirmed, Date.now());
      if (tookMs === null) this.#refused();
      else this.#metrics.accountingConfirmSeconds.observe(tookMs / 1000);
      this.#wake.ring();
    });
  }

  /** No queue is bound yet, or the queue has no majority now: neither is better within a moment. */
  #refused(): void {
    this.#metrics.accountingRefused.inc();
    this.#pausedUntil = Date.now() + TICK_MS;
  }

  async #mark(): Promise<void> {
    const delivered = [...this.#window.delivered];
    if (delivered.length === 0) return;
    await markDelivered(this.#pool, delivered);
    this.#window.marked(delivered.length);
  }

  async #prune(): Promise<void> {
    if (Date.now() - this.#prunedAt < PRUNE_EVERY_MS) return;
    await pruneDelivered(this.#pool);
    this.#prunedAt = Date.now();
  }

  #checkConfirmTimeout(): void {
    const { oldestSentAt } = this.#window;
    // A broker short of memory or disk confirms nothing on purpose; a new connection would not change that.
    if (oldestSentAt === null || this.#broker.blocked) return;
    if (Date.now() - oldestSentAt > CONFIRM_TIMEOUT_MS)
      throw new Error("the broker does not confirm accounting records");
  }
}
