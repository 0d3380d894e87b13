import { expect, test } from "@jest/globals";
import { until } from "../lib/until.ts";
import { type Rabbitmq, startRabbitmqCluster } from "../services/rabbitmq.ts";
import { contentOf, metricOf, population, Stack } from "./stack.ts";

const DEADLINE = { deadlineMs: 60_000, intervalMs: 100 };
const STUCK = "aaa.partition.tv-aaa-9";

test("a queue without a majority holds back the confirms of all broadcasts, which are published again and change nothing", async () => {
  await using cleanup = new AsyncDisposableStack();
  const brokers = (await startRabbitmqCluster(3)).map((broker) => cleanup.use(broker));
  const stack = cleanup.use(await Stack.start({ rabbitmq: brokers[0] as Rabbitmq }));
  await stack.startOss();
  const database = await stack.database();
  const node = await stack.startNode("tv-aaa-0", database);
  await stack.bulk(population(20));
  await stack.untilSynced(node);
  await stack.untilPublished();

  const { management, name } = stack.vhost;
  // Led by the first broker, which says nothing as long as the other member, on whatever broker that is, is away.
  await management("PUT", `/queues/${name}/${STUCK}`, {
    durable: true,
    arguments: {
      "x-queue-type": "quorum",
      "x-quorum-initial-group-size": 2,
      "x-queue-leader-locator": "client-local",
    },
  });
  await management("POST", `/bindings/${name}/e/oss_exchange/q/${STUCK}`, {});
  const members = async (): Promise<string[]> =>
    ((await management("GET", `/queues/${name}/${STUCK}`)) as { members: string[] }).members;
  const other = await until(
    "the other member is known",
    async () => {
      const names = await members();
      return brokers.slice(1).find(({ port }) => names.some((member) => member.includes(`${port}@`)));
    },
    DEADLINE,
  );
  // A channel that publishes to such a queue for the first time is held up altogether.
  await stack.bulk(population(1));
  await until("all is published again", () => stack.isPublished(), DEADLINE);
  await other.down();
  const applied = await metricOf(node, "aaa_node_applied_total");
  const before = await stack.stream();
  await stack.bulk(population(5, "later"));
  await stack.untilSynced(node);
  expect((await stack.stream()).published).toBe(before.published);

  const gaveUp = async (): Promise<boolean> => BigInt((await stack.stream()).epoch) > BigInt(before.epoch);
  await until("the relay has given up waiting and begun again", gaveUp, DEADLINE);
  expect((await stack.stream()).published).toBe(before.published);
  const dropped = await metricOf(node, "aaa_node_dropped_total");

  await other.start();
  await until("all is confirmed", () => stack.isPublished(), DEADLINE);
  const again = async (): Promise<boolean> => (await metricOf(node, "aaa_node_dropped_total")) >= dropped + 16;
  await until("the node has got all of it twice", again, DEADLINE);
  await stack.untilSynced(node);
  expect(await metricOf(node, "aaa_node_applied_total")).toBe(applied + 16);
  expect(await metricOf(node, 'aaa_node_resyncs_total{reason="gap"}')).toBe(0);
  expect(await contentOf(database)).toEqual(await contentOf(stack.ossDatabase.url));
}, 240_000);
