import { encode, encodeEvents, STREAM_POSITION, type StreamPosition, type WrittenEvent } from "@aaa-cluster/contract";
import {
  BrokerSession,
  type BrokerSettings,
  type DatabaseSettings,
  digestText,
  type SessionContext,
  Wake,
} from "@aaa-cluster/service-kit";
import type { ConfirmChannel, Options } from "amqplib";
import type pg from "pg";
import { ConfirmWindow } from "./confirm-window.ts";
import { Leader } from "./leader.ts";
import type { Metrics } from "./metrics.ts";
import { messagesOf, takenAt } from "./relay-messages.ts";
import { RECORD_EVERY_MS, RelayNotes } from "./relay-notes.ts";
import { type Epoch, type OutboxPart, readHead, readOutbox, startEpoch } from "./relay-sql.ts";

/** How many events are unconfirmed at most, and how many bytes of them are read at a time if there are more than one. */
const WINDOW = 2_048;
const READ_BYTES = 4 * 1024 * 1024;
const TICK_MS = 1_000;
const POSITION_EVERY_MS = 5_000;
const POSITION_LIFETIME_MS = 60_000;
const CONFIRM_TIMEOUT_MS = 30_000;

export interface RelaySettings {
  readonly broker: BrokerSettings;
  readonly database: DatabaseSettings;
  /** For notes, `UNFLUSHED`. */
  readonly notesPool: pg.Pool;
  readonly exchange: string;
  readonly instance: string;
}

/** Whether this instance relays now, for who asks from outside. */
export class RelayDuty {
  /** The broker session of the current term; null outside one. */
  session: Pick<BrokerSession, "signal" | "blocked"> | null = null;

  /** Whether it holds the relay's lock and a broker session to publish with, which the broker does not hold back. */
  get relaying(): boolean {
    return this.session !== null && !this.session.signal.aborted && !this.session.blocked;
  }
}

/**
 * One term as the relay: waits to be elected, starts an epoch, and broadcasts the outbox in order until the broker, the
 * database or the election is lost. Whatever was not confirmed by then is published again in the next term.
 */
export async function relaySession(
  settings: RelaySettings,
  metrics: Metrics,
  duty: RelayDuty,
  { signal, ready }: SessionContext,
): Promise<void> {
  const news = new News();
  await using leader = await Leader.elect(settings.database, signal, news.committed);
  await using broker = await BrokerSession.open(settings.broker, `relay ${settings.instance}`, leader.signal);
  const channel = await broker.setUp(async () => {
    const confirms = await broker.confirmChannel();
    await confirms.checkExchange(settings.exchange);
    return confirms;
  });
  channel.on("return", () => metrics.unroutable.inc());
  const epoch = await startEpoch(leader.client, settings.instance);
  ready();
  duty.session = broker;
  try {
    const notes = new RelayNotes(settings.notesPool, epoch, broker.fail);
    await new Term(settings.exchange, epoch, leader.client, channel, broker, news, notes, metrics).run();
  } finally {
    duty.session = null;
  }
}

/** What the relay has to look at. */
class News {
  readonly wake = new Wake();
  /** Whether the outbox may have events that were not read. */
  isUnread = true;

  readonly committed = (): void => {
    this.isUnread = true;
    this.wake.ring();
  };
}

class Term {
  readonly #exchange: string;
  readonly #epoch: Epoch;
  readonly #client: pg.Client;
  readonly #channel: ConfirmChannel;
  readonly #broker: BrokerSession;
  readonly #news: News;
  readonly #notes: RelayNotes;
  readonly #metrics: Metrics;
  readonly #window: ConfirmWindow;
  #positionAt = 0;

  constructor(
    exchange: string,
    epoch: Epoch,
    client: pg.Client,
    channel: ConfirmChannel,
    broker: BrokerSession,
    news: News,
    notes: RelayNotes,
    metrics: Metrics,
  ) {
    this.#exchange = exchange;
    this.#epoch = epoch;
    this.#client = client;
    this.#channel = channel;
    this.#broker = broker;
    this.#news = news;
    this.#notes = notes;
    this.#metrics = metrics;
    this.#window = new ConfirmWindow(epoch.published);
  }

  async run(): Promise<never> {
    this.#publishPosition({ head: this.#epoch.head });
    for (;;) {
      const events = await this.#readNews();
      this.#publishAll(events);
      this.#notes.take(this.#window, Date.now());
      if (Date.now() - this.#positionAt >= POSITION_EVERY_MS) await this.#tellPosition();
      if (events.length === 0) await this.#rest();
      this.#broker.signal.throwIfAborted();
      this.#checkConfirmTimeout();
    }
  }

  /** Asks the database only when there may be something, and for many at once. */
  async #readNews(): Promise<readonly WrittenEvent[]> {
    const room = WINDOW - this.#window.size;
    if (!this.#news.isUnread || room < WINDOW / 2) return [];
    this.#news.isUnread = false;
    const { events, more } = await this.#read(room);
    if (more) this.#news.isUnread = true;
    return events;
  }

  /** Waits for a commit or a confirm. A tick looks at the outbox in any case, and whether this is the relay still. */
  async #rest(): Promise<void> {
    const timeout = this.#notes.isBehind(this.#window) ? RECORD_EVERY_MS : TICK_MS;
    const rang = await this.#news.wake.wait(this.#broker.signal, timeout);
    if (!rang) this.#news.isUnread = true;
  }

  #read(limit: number): Promise<OutboxPart> {
    return readOutbox(this.#client, this.#epoch.epoch, { after: this.#window.lastSent, limit, bytes: READ_BYTES });
  }

  #publishAll(events: readonly WrittenEvent[]): void {
    const now = Date.now();
    // The clock may be another replica's, and a little ahead.
    for (const { body } of events) this.#metrics.relaySeconds.observe(Math.max(now - takenAt(body), 0) / 1000);
    if (events.length > 0) this.#metrics.relayBatchSize.observe(events.length);
    for (const message of messagesOf(events)) this.#publish(message);
  }

  #publish(events: readonly WrittenEvent[]): void {
    const last = events.at(-1)?.sequence ?? this.#window.lastSent;
    this.#window.sent(last, Date.now());
    this.#send(encodeEvents(this.#epoch.epoch, events), { messageId: `${this.#epoch.epoch}-${last}` }, () => {
      this.#metrics.confirmSeconds.observe(this.#window.confirm(last, Date.now()) / 1000);
      this.#news.wake.ring();
    });
  }

  async #tellPosition(): Promise<void> {
    // Unlike the first position of an epoch it may be lost: the next one says the same. So it does not pile up in the
    // queue of a node that is away.
    const { sequence: head, digest } = await readHead(this.#client, this.#epoch.epoch);
    // The digest is that of the head, so all up to there goes first, if it is not too much.
    const missing = Number(head - this.#window.lastSent);
    if (missing > 0 && missing <= WINDOW - this.#window.size) {
      this.#publishAll((await this.#read(missing)).events);
    }
    const proof = this.#window.lastSent === head ? { digest: digestText(digest) } : {};
    this.#publishPosition({ head, ...proof }, { expiration: POSITION_LIFETIME_MS });
  }

  #publishPosition(told: { readonly head: bigint; readonly digest?: string }, options: Options.Publish = {}): void {
    this.#positionAt = Date.now();
    const position: StreamPosition = {
      eventType: STREAM_POSITION,
      epoch: this.#epoch.epoch.toString(),
      originEpoch: this.#epoch.originEpoch.toString(),
      sequence: this.#window.lastSent.toString(),
      ...told,
      head: told.head.toString(),
    };
    this.#send(
      encode(position),
      { ...options, messageId: `${position.epoch}-${position.sequence}-position` },
      () => {},
    );
  }

  #send(content: Buffer, options: Options.Publish, onConfirm: () => void): void {
    const always = { persistent: true, mandatory: true, contentType: "application/json" };
    this.#channel.publish(this.#exchange, "", content, { ...always, ...options }, (error) => {
      if (error === null || error === undefined) onConfirm();
      else this.#broker.fail(new Error("the broker refused a broadcast", { cause: error }));
    });
  }

  #checkConfirmTimeout(): void {
    const { oldestSentAt } = this.#window;
    // A broker short of memory or disk confirms nothing on purpose; a new connection would not change that.
    if (oldestSentAt === null || this.#broker.blocked) return;
    if (Date.now() - oldestSentAt > CONFIRM_TIMEOUT_MS) throw new Error("the broker does not confirm broadcasts");
  }
}
