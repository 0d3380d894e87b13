import { encode } from "@aaa-cluster/contract";
import {
  BrokerSession,
  type BrokerSettings,
  digestText,
  isDatabaseAway,
  isDataError,
  type Logger,
  migrate,
  type SessionContext,
  untilDone,
  Wake,
} from "@aaa-cluster/service-kit";
import type { Channel } from "amqplib";
import type pg from "pg";
import type { Metrics } from "../metrics.ts";
import type { Follower } from "../read-model/read-model.ts";
import { type Arrival, Arrivals } from "./arrivals.ts";
import { type Broadcast, type Plan, planBatch } from "./batch.ts";
import type { Partition } from "./partition.ts";
import { takeSnapshot } from "./resync.ts";
import { checkWatermark, commitPlan, isContentOurs, readWatermark, type Watermark } from "./storage.ts";
import type { Place } from "./watermark.ts";

/** How many broadcasts one transaction takes at most. */
export const BATCH = 500;
/** How many messages are taken from the queue and not acknowledged, at most: those of two batches of single events. */
const PREFETCH = 2 * BATCH;
const LAG_EVERY_MS = 2_000;
const AUDIT_EVERY_MS = 600_000;
/** A node that is still different after a snapshot is not helped by another one at once. */
const DIVERGED_EVERY_MS = 600_000;

export interface ConsumerDeps {
  readonly broker: BrokerSettings;
  readonly exchange: string;
  readonly pool: pg.Pool;
  /** For commits alone, `BY_KEY`. */
  readonly commitPool: pg.Pool;
  readonly migrations: URL;
  readonly partition: Partition;
  readonly follower: Follower;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Follows the stream from this node's queue into its database, until the broker is lost or the database is not ours. */
export async function partitionSession(deps: ConsumerDeps, { signal, ready }: SessionContext): Promise<void> {
  const { partition, follower, pool, log } = deps;
  // The database first: messages that are taken and given back count as failed deliveries.
  await untilDone("migrate", () => migrate(pool, deps.migrations, log), { signal, log });
  const watermark = await readWatermark(pool);
  follower.found(watermark);
  partition.reached(watermark);
  await using broker = await BrokerSession.open(deps.broker, `partition ${partition.name}`, signal);
  const { existed, consumer } = await broker.setUp(async () => {
    const existed = await broker.queueExists(partition.queue);
    const consumer = new Consumer(deps, broker, await broker.channel());
    await consumer.declare(deps.exchange);
    return { existed, consumer };
  });
  partition.consumer = broker.signal;
  partition.freshness.restarted();
  const watchingLag = setInterval(consumer.measureLag, LAG_EVERY_MS);
  const auditing = setInterval(consumer.audit, AUDIT_EVERY_MS);
  try {
    ready();
    if (!partition.everSynced) await consumer.resync("never-synced");
    else if (!existed) await consumer.resync("queue-lost");
    partition.following = true;
    void consumer.audit();
    await consumer.run();
  } finally {
    partition.following = false;
    partition.consumer = null;
    clearInterval(watchingLag);
    clearInterval(auditing);
  }
}

class Consumer {
  readonly #deps: ConsumerDeps;
  readonly #partition: Partition;
  readonly #broker: BrokerSession;
  readonly #channel: Channel;
  readonly #arrivals = new Arrivals(2 * BATCH);
  readonly #wake = new Wake();
  #isAltered = false;

  constructor(deps: ConsumerDeps, broker: BrokerSession, channel: Channel) {
    this.#deps = deps;
    this.#partition = deps.partition;
    this.#broker = broker;
    this.#channel = channel;
  }

  /** Binds before anything else is asked for, so that from here on every broadcast waits in the queue. */
  async declare(exchange: string): Promise<void> {
    const { queue } = this.#partition;
    // Everything else about the queue is a policy: a later change of arguments would be refused.
    const queueArguments = { "x-queue-type": "quorum", "x-single-active-consumer": true };
    await this.#channel.assertQueue(queue, { durable: true, arguments: queueArguments });
    await this.#channel.bindQueue(queue, exchange, "");
    await this.#channel.prefetch(PREFETCH);
    await this.#channel.consume(queue, (message) => {
      if (message === null) return this.#broker.fail(new Error("the broker cancelled the consumer of the partition"));
      this.#arrivals.push(message, performance.now());
      this.#wake.ring();
    });
  }

  async run(): Promise<never> {
    for (;;) {
      while (this.#arrivals.isEmpty && !this.#isAltered) await this.#wake.wait(this.#broker.signal);
      this.#broker.signal.throwIfAborted();
      if (this.#isAltered) await this.resync("altered");
      else await this.#take();
    }
  }

  /** Commits and acknowledges what has arrived, up to the first gap; a gap at the front is closed. */
  async #take(): Promise<void> {
    const arrivals = this.#arrivals.first(BATCH);
    const plan = planBatch(
      this.#partition.watermark,
      arrivals.map(({ broadcast }) => broadcast),
    );
    if (plan.taken === 0) return this.resync("gap");
    const taken = arrivals.slice(0, plan.taken);
    this.#arrivals.drop(plan.taken);
    setImmediate(this.#arrivals.readAhead);
    await this.#commit(
      plan,
      taken.map(({ broadcast }) => broadcast),
    );
    this.#measure(plan, taken);
    const whole = taken.filter(({ isLast }) => isLast);
    const { epoch, sequence } = this.#partition.watermark;
    this.#broker.signal.throwIfAborted();
    const heads = headsOf(taken, epoch);
    this.#partition.freshness.took(whole.length, heads, sequence);
    this.#partition.head = heads.at(-1) ?? this.#partition.head;
    const last = whole.at(-1);
    if (last !== undefined) this.#channel.ack(last.message, true);
    if (plan.proof !== null) await this.#prove(plan.proof);
  }

  #measure({ upserts: [first] }: Plan, taken: readonly Arrival[]): void {
    const { metrics } = this.#deps;
    metrics.batchSize.observe(taken.length);
    metrics.applySeconds.observe((performance.now() - (taken[0]?.at ?? 0)) / 1000);
    // The clock of OSS may be a little ahead.
    if (first !== undefined) {
      metrics.propagationSeconds.observe(Math.max(Date.now() - Date.parse(first.eventTime), 0) / 1000);
    }
  }

  /** At one place of the stream everyone has the same content; a node that has another takes a snapshot. */
  async #prove(digest: string): Promise<void> {
    const { metrics, log } = this.#deps;
    const isSame = digest === digestText(this.#partition.digest);
    metrics.proofs.inc({ result: isSame ? "same" : "different" });
    const now = performance.now();
    this.#partition.proofs.proved(isSame, now);
    if (isSame) return;
    if (now - this.#partition.divergedAt < DIVERGED_EVERY_MS) return;
    this.#partition.divergedAt = now;
    log.error({ ...toText(this.#partition.watermark), digest }, "this node has another content than OSS");
    await this.resync("diverged");
  }

  /** One transaction for all; when the database refuses a value, smaller ones until the event with it is found. */
  async #commit(plan: Plan, broadcasts: readonly Broadcast[]): Promise<void> {
    const { metrics } = this.#deps;
    try {
      const digest = await this.#write(plan);
      this.#deps.follower.committed({ place: plan.to, digest }, plan.upserts);
      this.#partition.reached({ place: plan.to, digest });
      metrics.applied.inc(Number(plan.to.sequence - plan.from.sequence));
      metrics.dropped.inc(plan.dropped);
      metrics.quarantined.inc(plan.poison.length);
      metrics.unknownEntities.inc(plan.unknown);
    } catch (error) {
      if (!isDataError(error)) throw error;
      for (const part of partsOf(broadcasts, error)) {
        await this.#commit(planBatch(this.#partition.watermark, part), part);
      }
    }
  }

  /** While the database is away: keeps what was delivered, takes no more than the prefetch, gives nothing back. */
  #write(plan: Plan): Promise<bigint> {
    const changes = plan.from.epoch !== plan.to.epoch || plan.from.sequence !== plan.to.sequence;
    const { pool, commitPool, log } = this.#deps;
    // A position comes at intervals, so that a database that was emptied or restored is noticed without any event.
    const nothing = !changes && plan.poison.length === 0;
    const work = (): Promise<bigint> => (nothing ? checkWatermark(pool, plan.to) : commitPlan(commitPool, plan));
    return untilDone("commit", work, { signal: this.#broker.signal, log, retryIf: isDatabaseAway });
  }

  /** Starts over until a snapshot is in. Meanwhile the node answers from what it has, and the queue holds what comes. */
  async resync(reason: string): Promise<void> {
    const { metrics, pool, log } = this.#deps;
    metrics.resyncs.inc({ reason });
    this.#partition.following = false;
    log.warn({ reason, ...toText(this.#partition.watermark) }, "resync: asking OSS for a snapshot");
    let askedAt = 0;
    const take = (): Promise<Watermark> => {
      askedAt = performance.now();
      return takeSnapshot(this.#broker, pool, this.#partition.name);
    };
    const watermark = await untilDone("resync", take, { signal: this.#broker.signal, log });
    this.#deps.follower.replaced(watermark);
    this.#partition.reached(watermark);
    this.#isAltered = false;
    this.#partition.freshness.replaced(askedAt);
    this.#partition.following = true;
    log.info(toText(this.#partition.watermark), "resync: done");
  }

  /** Looks whether the entities are what this node has written, as nobody else may. */
  readonly audit = async (): Promise<void> => {
    // When the database is away, the next audit tells.
    const isOurs = await isContentOurs(this.#deps.pool).catch(() => true);
    if (isOurs) return;
    this.#isAltered = true;
    this.#wake.ring();
  };

  readonly measureLag = async (): Promise<void> => {
    const askedAt = performance.now();
    try {
      const { messageCount } = await this.#channel.checkQueue(this.#partition.queue);
      this.#partition.waiting = messageCount + this.#arrivals.messages;
      this.#partition.freshness.measured(this.#partition.waiting, askedAt);
    } catch (error) {
      this.#broker.fail(error instanceof Error ? error : new Error(String(error)));
    }
  };
}

/** Two halves, or the one event that the database refused as poison. */
function partsOf(broadcasts: readonly Broadcast[], refusal: unknown): Broadcast[][] {
  const [first] = broadcasts;
  if (broadcasts.length === 1 && first?.kind === "event") {
    return [[{ kind: "poison", reason: String(refusal), place: first.place, body: encode(first.event) }]];
  }
  if (broadcasts.length <= 1) throw refusal;
  const middle = Math.ceil(broadcasts.length / 2);
  return [broadcasts.slice(0, middle), broadcasts.slice(middle)];
}

/** The heads that the current relay's positions tell. One that was delivered before may be of any age. */
function headsOf(arrivals: readonly Arrival[], epoch: bigint): bigint[] {
  return arrivals.flatMap(({ message, broadcast }) => {
    if (broadcast.kind !== "position" || message.fields.redelivered) return [];
    return BigInt(broadcast.position.epoch) === epoch ? [BigInt(broadcast.position.head)] : [];
  });
}

const toText = ({ epoch, sequence }: Place): object => ({ epoch: epoch.toString(), sequence: sequence.toString() });
