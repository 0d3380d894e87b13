import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { TcpGate } from "../fault/tcp-gate.ts";
import { until } from "../lib/until.ts";
import { sharedPostgresql, sharedRabbitmq } from "../services/shared.ts";
import { contentOf, endRelaySession, metricOf, nodeState, population, query, queueOf, Stack } from "./stack.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };
const PARTITION = "tv-aaa-0";
const QUEUE = `aaa.partition.${PARTITION}`;

let cleanup: AsyncDisposableStack;
let stack: Stack;
let database: string;
beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  stack = cleanup.use(await Stack.start());
  await stack.startOss();
  database = await stack.database();
});
afterEach(() => cleanup.disposeAsync(), 30_000);

const gateTo = async (port: number): Promise<TcpGate> => cleanup.use(await TcpGate.start(port));
const brokerThrough = (gate: TcpGate) => ({ BROKER_URL: `amqp://127.0.0.1:${gate.port}/${stack.vhost.name}` });

/** Each in a message of its own. */
async function renameOffering(times: number): Promise<void> {
  for (let index = 0; index < times; index += 1) {
    await stack.put("productOfferings/basic", { name: `Basic ${index}`, services: [] });
    await stack.untilPublished();
  }
}

async function expectSameContent(): Promise<void> {
  expect(await contentOf(database)).toEqual(await contentOf(stack.ossDatabase.url));
}

test("what a relay publishes a second time changes nothing at a node that has it", async () => {
  const node = await stack.startNode(PARTITION, database);
  await stack.bulk(population(20));
  await stack.untilSynced(node);
  const applied = await metricOf(node, "aaa_node_applied_total");
  const { epoch } = await stack.stream();
  // What a relay leaves that ended before it noted what the broker had confirmed.
  await query(stack.ossDatabase.url, "update relay set published = 0");
  await endRelaySession(stack.ossDatabase.url);
  const dropped = async (): Promise<boolean> => (await metricOf(node, "aaa_node_dropped_total")) >= 61;
  await until("the node has dropped all of it", dropped, DEADLINE);
  await renameOffering(1);
  await stack.untilSynced(node);
  expect(BigInt((await nodeState(node)).epoch)).toBeGreaterThan(BigInt(epoch));
  expect(await metricOf(node, "aaa_node_applied_total")).toBe(applied + 1);
  expect(await metricOf(node, 'aaa_node_resyncs_total{reason="gap"}')).toBe(0);
  await expectSameContent();
}, 60_000);

test("what a node committed and could not acknowledge is delivered again, in order, and changes nothing", async () => {
  const broker = await gateTo(sharedRabbitmq().port);
  const postgresql = await gateTo(sharedPostgresql().port);
  const env = { ...brokerThrough(broker), PGPORT: String(postgresql.port) };
  const node = await stack.startNode(PARTITION, database, env);
  await stack.bulk(population(20));
  await stack.untilSynced(node);
  const applied = await metricOf(node, "aaa_node_applied_total");

  postgresql.close();
  await renameOffering(30);
  const held = async (): Promise<boolean> => (await queueOf(stack, QUEUE)).unacknowledged >= 30;
  await until("the node holds the events", held, DEADLINE);
  broker.silence();
  postgresql.open();
  const { sequence } = await stack.stream();
  const committed = async (): Promise<boolean> =>
    (await query(database, `select from watermark where sequence = ${sequence}`)).length === 1;
  await until("they are committed", committed, DEADLINE);
  expect((await queueOf(stack, QUEUE)).unacknowledged).toBeGreaterThanOrEqual(30);
  broker.close();
  broker.open();

  await until("they came again", async () => (await metricOf(node, "aaa_node_dropped_total")) >= 30, DEADLINE);
  await renameOffering(1);
  await stack.untilSynced(node);
  await until("RabbitMQ says so", async () => (await queueOf(stack, QUEUE)).redelivered >= 30, DEADLINE);
  expect(await metricOf(node, "aaa_node_applied_total")).toBe(applied + 31);
  expect(await metricOf(node, 'aaa_node_resyncs_total{reason="gap"}')).toBe(0);
  await expectSameContent();
}, 60_000);

test("of two that consume one queue one alone gets events, and when it is cut off the other one goes on", async () => {
  const gate = await gateTo(sharedRabbitmq().port);
  const first = await stack.startNode(PARTITION, database, brokerThrough(gate));
  await stack.bulk(population(20));
  await stack.untilSynced(first);
  // As the pod on a Kubernetes node that is gone, and the one that was forced into its place.
  const second = await stack.startNode(PARTITION, database);
  const both = async (): Promise<boolean> => (await queueOf(stack, QUEUE)).consumers === 2;
  await until("both consume", both, DEADLINE);
  await renameOffering(30);
  await stack.untilSynced(first);
  expect(await metricOf(second, "aaa_node_applied_total")).toBe(0);

  gate.close();
  await renameOffering(30);
  await stack.untilSynced(second);
  await expectSameContent();
  expect(await metricOf(second, "aaa_node_quarantined_total")).toBe(0);
}, 60_000);
