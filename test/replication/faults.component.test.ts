import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { until } from "../lib/until.ts";
import { startPostgresql } from "../services/postgresql.ts";
import { startRabbitmq } from "../services/rabbitmq.ts";
import { startService } from "./process.ts";
import { contentOf, endRelaySession, metricOf, nodeState, population, query, queueOf, Stack } from "./stack.ts";

const QUEUE = "aaa.partition.tv-aaa-0";
const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };

let cleanup: AsyncDisposableStack;
beforeEach(() => {
  cleanup = new AsyncDisposableStack();
});
afterEach(() => cleanup.disposeAsync(), 30_000);

const startStack = async (...args: Parameters<typeof Stack.start>): Promise<Stack> =>
  cleanup.use(await Stack.start(...args));

/** Writes until `stop` is called, one request after the other; returns how many were accepted. */
function writeSteadily(stack: Stack): { stop(): Promise<number> } {
  let going = true;
  let accepted = 0;
  const writing = (async () => {
    while (going) {
      await stack.put("productOfferings/basic", { name: `Basic ${accepted}`, services: ["channel:news-1"] });
      accepted += 1;
    }
  })();
  return {
    async stop() {
      going = false;
      await writing;
      return accepted;
    },
  };
}

test("a relay that is killed or falls asleep is replaced with no event lost, repeated or out of order", async () => {
  const stack = await startStack();
  await stack.startOss("oss-writer");
  await until("the writer relays", async () => (await stack.stream()).relay === "oss-writer", DEADLINE);
  const database = await stack.database();
  const node = await stack.startNode("tv-aaa-0", database);
  await stack.bulk(population(20));
  await stack.untilSynced(node);

  const writing = writeSteadily(stack);
  for (const [instance, fate] of [
    ["oss-killed", "SIGKILL"],
    ["oss-asleep", "SIGSTOP"],
  ] as const) {
    const replica = startProcess("oss-service", stack.ossEnv(instance));
    await until(
      `${instance} relays`,
      async () => {
        await endRelaySession(stack.ossDatabase.url, instance);
        return (await stack.stream()).relay === instance;
      },
      DEADLINE,
    );
    await until(`${instance} has published`, async () => BigInt((await stack.stream()).published) > 0n, DEADLINE);
    replica.kill(fate);
    // As the server does by itself when the keepalives of a machine that is gone stay unanswered.
    await endRelaySession(stack.ossDatabase.url, "oss-writer");
    await until("the writer relays again", async () => (await stack.stream()).relay === "oss-writer", DEADLINE);
    replica.kill("SIGCONT");
  }
  const accepted = await writing.stop();

  await stack.untilSynced(node);
  expect(accepted).toBeGreaterThan(50);
  expect((await nodeState(node)).sequence).toBe((await stack.stream()).sequence);
  expect(await contentOf(database)).toEqual(await contentOf(stack.ossDatabase.url));
  expect(await metricOf(node, 'aaa_node_resyncs_total{reason="gap"}')).toBe(0);
  expect(await metricOf(node, "aaa_node_quarantined_total")).toBe(0);
}, 90_000);

test("a node that misses events notices without any new one, and gets them by a snapshot", async () => {
  const stack = await startStack();
  await stack.startOss();
  const database = await stack.database();
  const node = await stack.startNode("tv-aaa-0", database);
  await stack.bulk(population(20));
  await stack.untilSynced(node);
  await node.stop();
  await stack.put("subscribers/s3", { status: "suspended" });
  await until("the event is in the queue", async () => (await queueOf(stack, QUEUE)).ready > 0, DEADLINE);
  await stack.vhost.management("DELETE", `/queues/${stack.vhost.name}/${QUEUE}/contents`);

  const again = await stack.startNode("tv-aaa-0", database);
  await stack.untilSynced(again);
  expect(await contentOf(database)).toEqual(await contentOf(stack.ossDatabase.url));
  expect(await metricOf(again, 'aaa_node_resyncs_total{reason="gap"}')).toBe(1);
}, 60_000);

test("a queue that is deleted under a running node is made again and what it held comes by a snapshot", async () => {
  const stack = await startStack();
  await stack.startOss();
  const database = await stack.database();
  const node = await stack.startNode("tv-aaa-0", database);
  await stack.untilSynced(node);
  await stack.vhost.management("DELETE", `/queues/${stack.vhost.name}/${QUEUE}`);
  await stack.bulk(population(5));
  await stack.untilSynced(node);
  expect(await contentOf(database)).toEqual(await contentOf(stack.ossDatabase.url));
  expect(await metricOf(node, 'aaa_node_resyncs_total{reason="queue-lost"}')).toBe(1);
}, 60_000);

test("a node whose database is away keeps its messages and goes on when it is back", async () => {
  const postgresql = cleanup.use(await startPostgresql());
  const stack = await startStack();
  await stack.startOss();
  const database = await stack.database(postgresql);
  const node = await stack.startNode("tv-aaa-0", database);
  await stack.bulk(population(20));
  await stack.untilSynced(node);

  await postgresql.down("kill");
  expect((await fetch(new URL("/readyz", node.url))).status).toBe(503);
  for (let index = 0; index < 20; index += 1) {
    await stack.bulk(population(1, `later-${index}`));
    await stack.untilPublished();
  }
  await until("the node holds the messages", async () => (await queueOf(stack, QUEUE)).unacknowledged >= 20, DEADLINE);
  await postgresql.start();
  await stack.untilSynced(node);
  expect(await contentOf(database)).toEqual(await contentOf(stack.ossDatabase.url));
  expect(await metricOf(node, 'aaa_node_resyncs_total{reason="gap"}')).toBe(0);
  expect((await queueOf(stack, QUEUE)).redelivered).toBe(0);
}, 60_000);

test.each([
  ["lost its data", "drop schema public cascade; create schema public"],
  [
    "was restored to an older state",
    "delete from entities where entity = 'Entitlement'; update watermark set sequence = 41",
  ],
])(
  "a node whose database %s repairs itself",
  async (_name, damage) => {
    const stack = await startStack();
    await stack.startOss();
    const database = await stack.database();
    const node = await stack.startNode("tv-aaa-0", database);
    await stack.bulk(population(20));
    await stack.untilSynced(node);
    await query(database, damage);
    await stack.put("subscribers/s3", { status: "suspended" });
    await stack.untilSynced(node);
    expect(await contentOf(database)).toEqual(await contentOf(stack.ossDatabase.url));
  },
  60_000,
);

test("a node whose database lost its data repairs itself though nothing changes any more", async () => {
  const stack = await startStack();
  await stack.startOss();
  const database = await stack.database();
  const node = await stack.startNode("tv-aaa-0", database);
  await stack.bulk(population(20));
  await stack.untilSynced(node);
  const content = await contentOf(database);
  await query(database, "drop schema public cascade; create schema public");
  await until("the database is filled again", async () => (await contentOf(database)).length > 0, DEADLINE);
  expect(await contentOf(database)).toEqual(content);
}, 60_000);

test("a broker restart loses nothing that was accepted", async () => {
  const rabbitmq = cleanup.use(await startRabbitmq());
  const stack = await startStack({ rabbitmq });
  await stack.startOss();
  const database = await stack.database();
  const node = await stack.startNode("tv-aaa-0", database);
  await stack.bulk(population(20));
  await stack.untilSynced(node);
  // RabbitMQ registers a new queue on disk only after a while; killed before, it keeps the queue but never serves it
  // again (rabbitmq-server#15725). There is nothing to await.
  await sleep(3_000);
  const writing = writeSteadily(stack);
  await rabbitmq.down("kill");
  await rabbitmq.start();
  expect(await writing.stop()).toBeGreaterThan(0);
  await stack.untilSynced(node);
  expect(await contentOf(database)).toEqual(await contentOf(stack.ossDatabase.url));
}, 90_000);

test("a service that is told to stop ends by itself, and one with wrong settings says what to set", async () => {
  const stack = await startStack();
  const oss = startProcess("oss-service", stack.ossEnv("oss-0"));
  const node = startProcess("node-service", stack.nodeEnv("tv-aaa-0", await stack.database()));
  const relays = (): Promise<unknown[]> => query(stack.ossDatabase.url, "select from relay where instance = 'oss-0'");
  await until("OSS relays", async () => (await relays()).length === 1, DEADLINE);
  await until("the node has declared its queue", () => queueOf(stack, QUEUE), DEADLINE);
  for (const child of [oss, node]) {
    child.kill("SIGTERM");
    await expect(once(child, "exit")).resolves.toEqual([0, null]);
  }
  const misled = startProcess("node-service", { ...stack.ossEnv("oss-1"), PGHOST: "" }, "pipe");
  const ended = once(misled, "exit");
  const [said] = await once(misled.stderr ?? misled, "data");
  expect(String(said)).toBe("error: set PGHOST: the database's host, or the folder of its socket\n");
  await expect(ended).resolves.toEqual([1, null]);
}, 30_000);

const startProcess = (...args: Parameters<typeof startService>): ChildProcess =>
  cleanup.use(startService(...args)).child;
