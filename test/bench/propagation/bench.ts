import { rounded } from "../../lib/statistics.ts";
import { say, step } from "../../lib/steps.ts";
import { removeAbandonedFolders } from "../../services/folders.ts";
import { startPostgresql } from "../../services/postgresql.ts";
import { startRabbitmq } from "../../services/rabbitmq.ts";
import type { CpuTime } from "./cpu.ts";
import { type Latency, latencyOf } from "./latency.ts";
import { startOurs } from "./ours.ts";
import { startPeer } from "./peer.ts";
import { rateOf } from "./rate.ts";
import { type Stages, stagesBetween } from "./stages.ts";
import { NODES, type Subject } from "./subject.ts";

const RATE = Number(process.env.RATE ?? 200);
const SECONDS = Number(process.env.SECONDS ?? 30);
const RATE_SECONDS = Number(process.env.RATE_SECONDS ?? 10);
const WARM_UP_SECONDS = 5;
const SINGLE = { writers: 32, perTransaction: 1, seconds: RATE_SECONDS };
const BULK = { writers: 4, perTransaction: 500, seconds: RATE_SECONDS };

interface Figures extends Latency {
  readonly rate_per_s: number;
  readonly single_rate_per_s: number;
  /** CPU time of a row that is written in bulk, by part, in µs. */
  readonly cpu: CpuTime;
}

/**
 * From a write at OSS until it is committed in the databases of three nodes, beside PostgreSQL's logical replication from
 * one publisher to three subscribers, on the same servers (one for OSS or the publisher, one for each node or
 * subscriber), one after the other. RATE writes a second, of one device each, go on for SECONDS.
 *
 * Ours is all of it: an HTTP request with a token, validation, a transaction with the references and the outbox, the relay, a
 * one-broker RabbitMQ with a quorum queue for each node, and the node's transaction. The peer is the bare minimum: its
 * writer upserts the same row by one prepared statement, and nothing looks at what is written. Both write to tables with
 * the same indexes, and flush before they answer. A node also flushes before its change can be seen; a subscriber does so
 * afterwards, which is PostgreSQL's default for it, and keeps it from losing anything only as the publisher can send again.
 *
 * The rate is measured in closed loop until every replica has everything: 4 writers with 500 rows in each transaction,
 * which is the fastest way into either, and as `single_rate` 32 writers with one row in each. `cpu_us` is the CPU time that a
 * row takes in bulk, all processes together: with that and the cores of the machine no rate could be higher.
 */
export async function bench(): Promise<object> {
  await removeAbandonedFolders();
  await using owned = new AsyncDisposableStack();
  const publisher = owned.use(
    await step("Start PostgreSQL for OSS", () => startPostgresql(undefined, { wal_level: "logical" })),
  );
  const subscribers = await step("Start PostgreSQL for every node", () =>
    Promise.all(NODES.map(async () => owned.use(await startPostgresql()))),
  );
  const { ours: oursWithCpu, stages } = await measureOurs(publisher, subscribers);
  const { cpu: peerCpu, ...peer } = await measurePeer(publisher, subscribers);
  const { cpu, ...ours } = oursWithCpu;
  say();
  for (const [name, ms] of Object.entries(stages)) say(`  ${name.padEnd(10)}${rounded(ms).toString().padStart(8)} ms`);
  say();
  say("  CPU time of a row in bulk:");
  for (const [name, us] of Object.entries(cpu)) say(`  ${name.padEnd(10)}${rounded(us).toString().padStart(8)} µs`);
  say(
    `  ${"the peer".padEnd(10)}${rounded(peerCpu.all ?? 0)
      .toString()
      .padStart(8)} µs`,
  );
  say();
  const { commit, relay, queue, apply, confirm } = stages;
  const whole = commit + relay + queue + apply;
  return {
    p99_ratio: rounded(ours.p99_ms / peer.p99_ms),
    rate_ratio: rounded(ours.rate_per_s / peer.rate_per_s),
    single_rate_ratio: rounded(ours.single_rate_per_s / peer.single_rate_per_s),
    ...allRounded(ours, ""),
    ...allRounded(peer, "peer_"),
    commit_share: rounded(commit / whole),
    relay_share: rounded(relay / whole),
    queue_share: rounded(queue / whole),
    apply_share: rounded(apply / whole),
    confirm_ms: rounded(confirm),
    ...Object.fromEntries(Object.entries(cpu).map(([name, us]) => [`cpu_us_${name}`, rounded(us)])),
    peer_cpu_us: rounded(peerCpu.all ?? 0),
    writes_per_s: RATE,
    seconds: SECONDS,
  };
}

type Server = Awaited<ReturnType<typeof startPostgresql>>;

async function measureOurs(
  publisher: Server,
  subscribers: readonly Server[],
): Promise<{ ours: Figures; stages: Stages }> {
  await using rabbitmq = await step("Start RabbitMQ", () => startRabbitmq());
  await using subject = await step("Start OSS and three nodes", () => startOurs(rabbitmq, publisher, subscribers));
  await step("Warm up", () => latencyOf(subject, RATE, WARM_UP_SECONDS));
  const before = await subject.scrape();
  const latency = await step(`${RATE} writes a second for ${SECONDS} s`, () => latencyOf(subject, RATE, SECONDS));
  const stages = stagesBetween(before, await subject.scrape(), latency.answer_p50_ms);
  return { ours: { ...latency, ...(await ratesOf(subject)) }, stages };
}

async function measurePeer(publisher: Server, subscribers: readonly Server[]): Promise<Figures> {
  await using subject = await step("Start logical replication", () => startPeer(publisher, subscribers));
  await step("Warm up", () => latencyOf(subject, RATE, WARM_UP_SECONDS));
  const latency = await step(`${RATE} writes a second for ${SECONDS} s`, () => latencyOf(subject, RATE, SECONDS));
  return { ...latency, ...(await ratesOf(subject)) };
}

async function ratesOf(subject: Subject): Promise<Omit<Figures, keyof Latency>> {
  const single = await step("As fast as it goes, row by row", () => rateOf(subject, SINGLE));
  const bulk = await step("As fast as it goes, in bulk", () => rateOf(subject, BULK));
  return { rate_per_s: bulk.perSecond, single_rate_per_s: single.perSecond, cpu: bulk.cpu };
}

function allRounded(figures: Omit<Figures, "cpu">, prefix: string): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(figures).map(([key, value]) => [`${prefix}${key}`, rounded(value)]));
}
