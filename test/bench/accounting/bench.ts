import type pg from "pg";
import { storeRecords } from "../../../node-service/src/accounting/outbox.ts";
import { durable } from "../../../node-service/src/accounting/settings.ts";
import { UserError } from "../../lib/errors.ts";
import { type Line, openLines } from "../../lib/line.ts";
import { usageOf } from "../../lib/process-usage.ts";
import { medians, quantile, rounded } from "../../lib/statistics.ts";
import { step } from "../../lib/steps.ts";
import { metricOf } from "../../replication/stack.ts";
import { startPostgresql } from "../../services/postgresql.ts";
import { startRabbitmq } from "../../services/rabbitmq.ts";
import { type BareServer, startBareServer } from "../boxes/bare.ts";
import { type EmptyNode, startEmptyNode } from "../boxes/empty-node.ts";
import { poolOf } from "./pool.ts";
import { identityAt, recordAt, stopRequest, stopsRequest } from "./records.ts";

const RECORDS = Number(process.env.RECORDS ?? 40_000);
/** How many boxes report at the same time, so how many records the script commits together. */
const BOXES = Number(process.env.BOXES ?? 256);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
/** How many records a box sends together that has kept them. */
const TOGETHER = Number(process.env.TOGETHER ?? 16);
const COMMIT_TIMEOUT_MS = 60_000;

/**
 * Stop records per second that a node on one core has committed when it answers, beside a bare script that commits the same
 * rows into the same table in groups of as many as there are boxes at the same time. In the headline each record is a request, and the
 * node keeps what it takes in its outbox; `relayed` is with a broker that takes it, on the same two cores, and `lists` is by boxes that
 * send 16 records together. `bare_to_limit` is a bare fastify on the same core, which answers each record without storing it.
 * RECORDS, BOXES, TOGETHER and ROUNDS change how many there are.
 */
export async function bench(): Promise<object> {
  if (process.platform !== "linux") throw new UserError("this bench reads /proc", "run it on Linux");
  await using postgresql = await step("Start PostgreSQL", () => startPostgresql());
  await using rabbitmq = await step("Start RabbitMQ", () => startRabbitmq());
  await using node = await step("Start a node on one core", () => startEmptyNode(rabbitmq, postgresql));
  const durability = await durabilityOf(node.pool);
  await using script = poolOf(node, durable(COMMIT_TIMEOUT_MS));
  await using bare = await startBareServer(new URL("./bare-routes.ts", import.meta.url).pathname);
  await step("Warm up", async () => {
    await report(node, "warm-up", RECORDS / 4);
    await answers(bare, node, RECORDS / 4);
  });
  const rounds: Round[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const limit = await step(`Round ${round}: the script`, () => limitOf(script, `script-${round}`));
    const ours = await step(`Round ${round}: the node`, () => report(node, `node-${round}`, RECORDS));
    const fastify = await step(`Round ${round}: a bare fastify`, () => answers(bare, node, RECORDS));
    const lists = await step(`Round ${round}: the node, lists of records`, () =>
      report(node, `lists-${round}`, RECORDS, TOGETHER),
    );
    rounds.push({
      ...ours,
      limitPerSecond: limit,
      ratio: ours.perSecond / limit,
      barePerSecond: fastify.perSecond,
      barePerCpuSecond: fastify.perCpuSecond,
      bareRatio: fastify.perSecond / limit,
      listsPerSecond: lists.perSecond,
      listsP99: lists.p99,
      listsRatio: lists.perSecond / limit,
    });
  }
  await node.takeRecords();
  const relayed = await step("The node, with a broker that takes its records", () => report(node, "relayed", RECORDS));
  const median = medians<keyof Round>(rounds);
  return {
    ratio_to_limit: rounded(median.ratio),
    ratio_to_limit_lists: rounded(median.listsRatio),
    bare_to_limit: rounded(median.bareRatio),
    stops_per_s: rounded(median.perSecond),
    limit_stops_per_s: rounded(median.limitPerSecond),
    stops_per_cpu_s: rounded(median.perCpuSecond),
    bare_answers_per_s: rounded(median.barePerSecond),
    bare_answers_per_cpu_s: rounded(median.barePerCpuSecond),
    p50_ms: rounded(median.p50),
    p99_ms: rounded(median.p99),
    mean_group: rounded(median.meanGroup),
    refused: rounded(median.refused),
    lists_stops_per_s: rounded(median.listsPerSecond),
    lists_p99_ms: rounded(median.listsP99),
    relayed_stops_per_s: rounded(relayed.perSecond),
    relayed_p99_ms: rounded(relayed.p99),
    ...durability,
    records: RECORDS,
    together: TOGETHER,
    boxes: BOXES,
    rounds: ROUNDS,
  };
}

interface Reported {
  readonly perSecond: number;
  readonly perCpuSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Records of one commit. */
  readonly meanGroup: number;
  /** How often a record was refused and sent again. */
  readonly refused: number;
}
interface Round extends Reported {
  readonly limitPerSecond: number;
  readonly ratio: number;
  readonly barePerSecond: number;
  readonly barePerCpuSecond: number;
  readonly bareRatio: number;
  readonly listsPerSecond: number;
  readonly listsP99: number;
  readonly listsRatio: number;
}

/** What the sessions of the node have. A figure without a flush would be none. */
async function durabilityOf(pool: pg.Pool) {
  const { rows } = await pool.query<{ fsync: string; synchronous_commit: string }>(
    "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit",
  );
  const { fsync, synchronous_commit } = rows[0] as { fsync: string; synchronous_commit: string };
  if (fsync !== "on" || synchronous_commit !== "on") throw new Error(`fsync ${fsync}, commit ${synchronous_commit}`);
  return { fsync, synchronous_commit };
}

/** The physical limit: the same statement with the same rows, one group after the other. @returns records per second */
async function limitOf(pool: pg.Pool, round: string): Promise<number> {
  const records = Array.from({ length: RECORDS }, (_, index) => recordAt(round, index, BOXES));
  const began = performance.now();
  for (let from = 0; from < RECORDS; from += BOXES) {
    await storeRecords(pool, records.slice(from, from + BOXES), COMMIT_TIMEOUT_MS);
  }
  return RECORDS / ((performance.now() - began) / 1000);
}

/**
 * Every box reports one record after the other, as soon as it was answered; or so many together, and then there are so many fewer
 * boxes: as many records are under way.
 */
async function report(node: EmptyNode, round: string, count: number, together = 1): Promise<Reported> {
  const tokens = await tokensOf(node, Math.ceil(BOXES / together));
  const requests = Array.from({ length: Math.ceil(count / together) }, (_, index) => {
    const token = tokens[index % tokens.length] as string;
    if (together === 1) return stopRequest(token, round, index);
    const from = index * together;
    return stopsRequest(token, round, range(from, Math.min(from + together, count)));
  });
  const lines = await openLines(node.url, tokens.length);
  const before = await groupsOf(node);
  const { cpuSeconds } = await usageOf(node.pid);
  const { seconds, took, refused } = await askInTurn(lines, requests);
  const usedSeconds = (await usageOf(node.pid)).cpuSeconds - cpuSeconds;
  const after = await groupsOf(node);
  const { rows } = await node.pool.query<{ count: number }>(
    "select count(*)::int as count from accounting where record ->> 'acctSessionId' like $1",
    [`${round}-%`],
  );
  if (rows[0]?.count !== count) throw new Error(`${rows[0]?.count} of ${count} records are in the database`);
  return {
    perSecond: count / seconds,
    perCpuSecond: count / usedSeconds,
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    meanGroup: count / (after - before),
    refused,
  };
}

/** What HTTP takes by itself: the same requests, of which nothing is stored. */
async function answers(bare: BareServer, node: EmptyNode, count: number) {
  const tokens = await tokensOf(node, BOXES);
  const requests = range(0, count).map((index) => stopRequest(tokens[index % BOXES] as string, "bare", index));
  const lines = await openLines(`http://127.0.0.1:${bare.port}`, BOXES);
  const { service } = await bare.cpu();
  const { seconds } = await askInTurn(lines, requests);
  const usedSeconds = (await bare.cpu()).service - service;
  return { perSecond: count / seconds, perCpuSecond: count / usedSeconds };
}

const tokensOf = ({ stack }: EmptyNode, boxes: number): Promise<string[]> =>
  Promise.all(range(0, boxes).map((box) => stack.accessToken(identityAt(box, boxes))));

interface Asked {
  readonly seconds: number;
  /** How long each request took, in ms, however often it was sent. */
  readonly took: readonly number[];
  readonly refused: number;
}

/** Sends every request over the connections of boxes, each its next one as soon as it was answered, and closes them. */
async function askInTurn(lines: readonly Line[], requests: readonly Buffer[]): Promise<Asked> {
  const took: number[] = [];
  let refused = 0;
  const began = performance.now();
  await Promise.all(
    lines.map(async (line, box) => {
      for (let index = box; index < requests.length; index += lines.length) {
        const sentAt = performance.now();
        for (;;) {
          const { status, body } = await line.ask(requests[index] as Buffer);
          if (status === 200) break;
          // On a machine that has no time for it. A box sends it again, and so the time counts.
          if (status !== 503) throw new Error(`${status}: ${body}`);
          refused += 1;
        }
        took.push(performance.now() - sentAt);
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  for (const line of lines) line[Symbol.dispose]();
  return { seconds, took, refused };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

const groupsOf = ({ url }: EmptyNode): Promise<number> => metricOf({ url }, "aaa_node_accounting_group_size_count");
