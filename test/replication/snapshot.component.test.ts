import { createHash } from "node:crypto";
import {
  encode,
  REQUESTS_EXCHANGE,
  SNAPSHOT_REQUESTS_QUEUE,
  SNAPSHOT_ROUTING_KEY,
  SNAPSHOT_ROWS_TYPE,
  type SnapshotEnd,
  type SnapshotRequest,
} from "@aaa-cluster/contract";
import { expect, test } from "@jest/globals";
import { type ChannelModel, connect } from "amqplib";
import { until } from "../lib/until.ts";
import { startPostgresql } from "../services/postgresql.ts";
import { contentOf, metricOf, nodeState, query, Stack } from "./stack.ts";

const DEADLINE = { deadlineMs: 60_000, intervalMs: 50 };

/** Texts that a format could break on, several chunks of them. */
const AWKWARD = `\\ \\\\. \\N \t \n \r\n " ' \u0001 \u{1f4fa} ü`;
const SERVICES = Array.from({ length: 40 }, (_, index) => `${index} \\.\n${"\u{1f4fa}\\".repeat(20)}`);

test("a snapshot brings every text as it is, wherever a chunk ends", async () => {
  await using stack = await Stack.start();
  await stack.startOss();
  const payload = { name: AWKWARD, services: SERVICES };
  const lines = Array.from({ length: 100 }, (_, index) =>
    JSON.stringify({ entity: "ProductOffering", id: `o${index}`, payload }),
  );
  await stack.bulk(lines.join("\n"));
  const database = await stack.database();
  await stack.untilSynced(await stack.startNode("tv-aaa-0", database));
  const content = await contentOf(database);
  expect(content).toHaveLength(100);
  expect(content[0]).toMatchObject({ payload });
  expect(content).toEqual(await contentOf(stack.ossDatabase.url));
}, 60_000);

interface Answer {
  readonly rows: string;
  readonly index?: number;
  readonly requestId?: string;
  /** Null: it never comes. */
  readonly end?: Partial<SnapshotEnd> | null;
}

const rowOf = (id: string, payload = "{}", entity = "ProductOffering"): string => `${entity}\t${id}\t1\t${payload}\n`;
const digestOf = (id: string, payload = "{}", entity = "ProductOffering"): string =>
  createHash("sha256").update(`${entity}/${id}@1${payload}`).digest("hex").slice(0, 16);

const NO_DIGEST = "0".repeat(16);
const OLD: Answer = { rows: rowOf("old"), end: { digest: digestOf("old") } };
const NEW: Answer = { rows: rowOf("new"), end: { digest: digestOf("new") } };

/** What is wrong, and nothing else: with a digest that fits, where one can. */
const MISTAKES: readonly (readonly [string, Answer])[] = [
  ["a row with too few columns", { ...NEW, rows: `${rowOf("new")}ProductOffering\tbad\t1\n` }],
  ["a payload that is no JSON", { ...NEW, rows: rowOf("new") + rowOf("bad", '{"name": ') }],
  ["a payload that is no object", { rows: rowOf("new", "[]"), end: { digest: digestOf("new", "[]") } }],
  ["no payload", { rows: rowOf("new") + rowOf("bad", "\\N"), end: { entities: 2, digest: digestOf("new") } }],
  ["a name of no entity", { rows: rowOf("new", "{}", "offer"), end: { digest: digestOf("new", "{}", "offer") } }],
  ["a version that is no number", { ...NEW, rows: rowOf("new").replace("1", "one") }],
  ["an entity twice", { rows: rowOf("new").repeat(2), end: { entities: 2, digest: NO_DIGEST } }],
  ["rows after their end", { ...NEW, rows: `${rowOf("new")}\\.\n${rowOf("bad")}`, end: { entities: 2 } }],
  ["half a row", { ...NEW, rows: `${rowOf("new")}ProductOffering\tba` }],
  ["another content", { ...NEW, rows: rowOf("bad") }],
  ["an epoch before the first", { ...NEW, end: { ...NEW.end, epoch: "0" } }],
  ["fewer entities", { ...NEW, end: { ...NEW.end, entities: 2 } }],
  ["fewer chunks", { ...NEW, end: { ...NEW.end, chunks: 2 } }],
  ["a chunk out of order", { ...NEW, index: 1 }],
  ["a chunk of another snapshot", { ...NEW, requestId: "another" }],
];

test("a snapshot that breaks the contract or is not what OSS says is not taken: the node keeps what it has, and asks again", async () => {
  await using stack = await Stack.start();
  const databases = new Map<string, string>();
  const asked = new Map<string, unknown[]>();
  // Each node gets a right snapshot, then one with a mistake, then a right one again.
  await using _oss = await answerAll(stack, async ({ partition }) => {
    const ids = (await contentOf(databases.get(partition) ?? "")).map(({ entity_id }) => entity_id);
    const before = asked.get(partition) ?? [];
    asked.set(partition, [...before, ids]);
    return [OLD, MISTAKES[Number(partition)]?.[1], NEW][before.length];
  });
  const nodes = await Promise.all(
    MISTAKES.map(async (_, index) => {
      databases.set(`${index}`, await stack.database());
      return await stack.startNode(`${index}`, databases.get(`${index}`));
    }),
  );
  const areSynced = async (): Promise<boolean> =>
    (await Promise.all(nodes.map(nodeState))).every(({ synced }) => synced);
  await until("all have the first snapshot", areSynced, DEADLINE);
  for (const partition of databases.keys()) {
    await stack.vhost.management("DELETE", `/queues/${stack.vhost.name}/aaa.partition.${partition}`);
  }
  const haveAsked = (): boolean => [...asked.values()].every((times) => times.length === 3);
  await until("all have asked three times", haveAsked, DEADLINE);
  await until("all have the last snapshot", areSynced, DEADLINE);

  for (const [index, [mistake]] of MISTAKES.entries()) {
    expect({ mistake, had: asked.get(`${index}`) }).toEqual({ mistake, had: [[], ["old"], ["old"]] });
    expect(await contentOf(databases.get(`${index}`) ?? "")).toMatchObject([{ entity_id: "new" }]);
  }
}, 180_000);

test("a node whose database goes away in the middle of a snapshot asks again when it is back", async () => {
  await using postgresql = await startPostgresql();
  await using stack = await Stack.start();
  const answers: Answer[] = [{ ...NEW, end: null }, NEW];
  await using _oss = await answerAll(stack, async () => answers.shift());
  const database = await stack.database(postgresql);
  const node = await stack.startNode("tv-aaa-0", database);
  const loading = "select from pg_stat_activity where query like 'copy entities_next%' and state = 'active'";
  await until("the node loads", async () => (await query(database, loading)).length === 1, DEADLINE);
  await postgresql.down("kill");
  await postgresql.start();
  await until("it has a snapshot", async () => (await nodeState(node)).synced, DEADLINE);
  expect(answers).toEqual([]);
  expect(await contentOf(database)).toMatchObject([{ entity_id: "new" }]);
}, 120_000);

test("a snapshot that nobody takes ends at once, and leaves nothing of it at OSS", async () => {
  await using stack = await Stack.start();
  const oss = await stack.startOss();
  const services = Array.from({ length: 400 }, (_, index) => `channel:a-service-with-a-rather-long-name-${index}`);
  const lines = Array.from({ length: 1_000 }, (_, index) =>
    JSON.stringify({ entity: "ProductOffering", id: `o${index}`, payload: { name: "Big", services } }),
  );
  for (let from = 0; from < lines.length; from += 100) await stack.bulk(lines.slice(from, from + 100).join("\n"));
  await using connection = await connectAs(stack, "node");
  const request: SnapshotRequest = { requestId: "one", partition: "tv-aaa-0", replyTo: "aaa.snapshot.tv-aaa-0" };
  (await connection.model.createChannel()).publish(REQUESTS_EXCHANGE, SNAPSHOT_ROUTING_KEY, encode(request));
  const failed = 'aaa_oss_snapshots_total{result="failed"}';
  await until("OSS gives up", async () => (await metricOf(oss, failed)) === 1, DEADLINE);
  const copying = "select from pg_stat_activity where datname = current_database() and query like 'copy %'";
  await until("its session is gone", async () => (await query(stack.ossDatabase.url, copying)).length === 0, DEADLINE);
  const database = await stack.database();
  await stack.untilSynced(await stack.startNode("tv-aaa-0", database));
  expect(await contentOf(database)).toHaveLength(1_000);
}, 120_000);

async function connectAs(
  stack: Stack,
  user: "oss" | "node",
): Promise<AsyncDisposable & { readonly model: ChannelModel }> {
  const model = await connect(stack.vhost.urlAs(user));
  return { model, [Symbol.asyncDispose]: () => model.close() };
}

/** In the place of OSS, gives the answers that `decide` says. */
async function answerAll(
  stack: Stack,
  decide: (request: SnapshotRequest) => Promise<Answer | undefined>,
): Promise<AsyncDisposable> {
  const connection = await connectAs(stack, "oss");
  const channel = await connection.model.createChannel();
  await channel.assertQueue(SNAPSHOT_REQUESTS_QUEUE, { durable: true, arguments: { "x-queue-type": "quorum" } });
  await channel.bindQueue(SNAPSHOT_REQUESTS_QUEUE, REQUESTS_EXCHANGE, SNAPSHOT_ROUTING_KEY);
  await channel.consume(
    SNAPSHOT_REQUESTS_QUEUE,
    async (message) => {
      const request = JSON.parse(String(message?.content)) as SnapshotRequest;
      const { requestId, replyTo } = request;
      const { rows, index = 0, requestId: claimed = requestId, end = {} } = (await decide(request)) ?? NEW;
      const headers = { requestId: claimed, index };
      channel.sendToQueue(replyTo, Buffer.from(rows), { contentType: SNAPSHOT_ROWS_TYPE, headers });
      if (end === null) return;
      const told: SnapshotEnd = {
        kind: "end",
        requestId,
        epoch: "1",
        sequence: "1",
        chunks: 1,
        entities: 1,
        digest: NO_DIGEST,
        ...end,
      };
      channel.sendToQueue(replyTo, encode(told));
    },
    { noAck: true },
  );
  return connection;
}
