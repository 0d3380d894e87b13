import { afterEach, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";
import type { NodeService } from "../../node-service/src/service.ts";
import { stopRequest } from "../bench/accounting/records.ts";
import { type Answer, Line } from "../lib/line.ts";
import { until } from "../lib/until.ts";
import { metricOf, nodeState, population, query, Stack } from "../replication/stack.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };

let cleanup: AsyncDisposableStack;
let stack: Stack;
let database: string;
beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  stack = cleanup.use(await Stack.start());
  database = await stack.database();
  await stack.startOss();
}, 30_000);
afterEach(() => cleanup.disposeAsync(), 30_000);

async function syncedNode(env: Record<string, string> = {}): Promise<NodeService> {
  const node = await stack.startNode("tv-aaa-0", database, env);
  await stack.bulk(population(2));
  await stack.untilSynced(node);
  return node;
}

const tokenOf = (subscriberId: string): Promise<string> =>
  stack.accessToken({ subscriberId, deviceId: `box-${subscriberId}` });

const stopOf = (accessToken: string, index: number): Buffer => stopRequest(accessToken, "round", index);

/** So many lines, each of which asks once. */
async function askAtOnce(url: string, requests: readonly Buffer[]): Promise<Promise<Answer>[]> {
  const lines = await Promise.all(requests.map(() => Line.open(url)));
  for (const line of lines) cleanup.use(line);
  const answers = lines.map((line, index) => line.ask(requests[index] as Buffer));
  // A test that fails meanwhile says why by itself.
  for (const answer of answers) answer.catch(() => {});
  return answers;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test("a box that asks too often is told when to come back, and no other box notices", async () => {
  const node = await syncedNode({ DEVICE_REQUESTS_PER_SECOND: "1" });
  const [eager, calm] = [await tokenOf("s0"), await tokenOf("s1")];
  const asked = await askAtOnce(
    node.url,
    range(20).map((index) => stopOf(eager, index)),
  );
  const answers = await Promise.all(asked);
  const refused = answers.filter(({ status }) => status === 429);
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(5);
  expect(refused.length).toBeGreaterThan(0);
  for (const { retryAfterSeconds, body } of refused) {
    expect(retryAfterSeconds).toBe(1);
    expect(JSON.parse(body)).toMatchObject({ type: "urn:aaacluster:problem:too-many-requests", status: 429 });
  }
  expect(await metricOf(node, 'aaa_node_shed_total{reason="device"}')).toBe(refused.length);
  const [other] = await askAtOnce(node.url, [stopOf(calm, 0)]);
  expect((await other)?.status).toBe(200);
}, 60_000);

test("while the disk stands still no box waits for long, the others are refused, and stream and probes go on", async () => {
  const node = await syncedNode({ ACCOUNTING_COMMIT_SECONDS: "60" });
  const token = await tokenOf("s0");
  const holder = new pg.Client({ connectionString: database });
  await holder.connect();
  cleanup.defer(() => holder.end());
  await holder.query("begin; lock table accounting in share row exclusive mode");

  const waiting = (): Promise<number> => metricOf(node, "aaa_node_accounting_waiting");
  const shed = (): Promise<number> => metricOf(node, 'aaa_node_shed_total{reason="accounting"}');
  const asked: Promise<Answer>[] = [];
  const ask = async (count: number): Promise<void> => {
    const requests = range(count).map((index) => stopOf(token, asked.length + index));
    asked.push(...(await askAtOnce(node.url, requests)));
    const taken = async (): Promise<boolean> => (await waiting()) + (await shed()) >= asked.length - 1;
    await until(`${asked.length} are taken or refused`, taken, DEADLINE);
  };
  // One record is with the database; what comes behind it waits.
  await ask(100);
  const refusesOne = async (): Promise<boolean> => {
    await ask(1);
    return (await shed()) > 0;
  };
  await until("those that wait have waited for long", refusesOne, DEADLINE);
  const waited = await waiting();
  await ask(100);
  expect(await waiting()).toBe(waited);

  const headAlone = Buffer.from("POST /v1/accounting HTTP/1.1\r\nhost: box\r\ncontent-length: 900000\r\n\r\n");
  const [early] = await askAtOnce(node.url, [headAlone]);
  const refusal = await early;
  expect(JSON.parse(refusal?.body ?? "")).toMatchObject({
    type: "urn:aaacluster:problem:overloaded",
    status: 503,
    detail: expect.stringContaining("try again later"),
  });

  for (const path of ["/livez", "/readyz", "/metrics", "/v1/partition"]) {
    expect([path, (await fetch(new URL(path, node.url))).status]).toEqual([path, 200]);
  }
  const { sequence } = await nodeState(node);
  await stack.put("subscribers/late", { password: "a secret" });
  await stack.untilSynced(node);
  expect(BigInt((await nodeState(node)).sequence)).toBe(BigInt(sequence) + 1n);

  await holder.query("commit");
  const answers = await Promise.all(asked);
  const refused = answers.filter(({ status }) => status === 503);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(asked.length - refused.length);
  const delays = new Set(refused.map(({ retryAfterSeconds }) => retryAfterSeconds));
  expect(delays.size).toBeGreaterThan(1);
  for (const delay of delays) expect([1, 2, 3, 4, 5]).toContain(delay);
  const stored = await query(database, "select count(*)::int as count from accounting");
  expect(stored).toEqual([{ count: asked.length - refused.length }]);
  const [again] = await askAtOnce(node.url, [stopOf(token, asked.length)]);
  expect((await again)?.status).toBe(200);
}, 180_000);
