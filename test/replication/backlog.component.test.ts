import { expect, test } from "@jest/globals";
import { until } from "../lib/until.ts";
import { contentOf, metricOf, population, queueOf, Stack } from "./stack.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };
const LIMIT = 10;

test("the queue of a node that is away drops the oldest above its limit, holds up nobody, and the node takes a snapshot", async () => {
  await using stack = await Stack.start();
  await stack.startOss();
  await stack.vhost.limitQueues({ maxLength: LIMIT });
  const database = await stack.database();
  const away = await stack.startNode("tv-aaa-0", database);
  const other = await stack.startNode("tv-aaa-1");
  await stack.untilSynced(away, other);
  await away.stop();
  // One after the other: the limit holds for what a consumer has not taken, and the other node shall keep up.
  for (let index = 0; index < 3 * LIMIT; index += 1) {
    await stack.put("productOfferings/basic", { name: `Basic ${index}`, services: [] });
    await stack.untilSynced(other);
    await stack.untilPublished();
  }
  const full = async (): Promise<boolean> => (await queueOf(stack, "aaa.partition.tv-aaa-0")).ready === LIMIT;
  await until("the queue is full and no more", full, DEADLINE);

  const back = await stack.startNode("tv-aaa-0", database);
  await stack.vhost.limitQueues({});
  await stack.bulk(population(5));
  await stack.untilSynced(back, other);
  expect(await contentOf(database)).toEqual(await contentOf(stack.ossDatabase.url));
  expect(await metricOf(back, 'aaa_node_resyncs_total{reason="gap"}')).toBe(1);
  expect(await metricOf(other, 'aaa_node_resyncs_total{reason="gap"}')).toBe(0);
}, 60_000);
