import { expect, test } from "@jest/globals";
import { usageOf } from "../lib/process-usage.ts";
import { until } from "../lib/until.ts";
import { ServiceProcess } from "./fuzz/service-process.ts";
import { contentOf, metricOf, nodeState, query, Stack } from "./stack.ts";

const DEADLINE = { deadlineMs: 120_000, intervalMs: 20 };
const ENTITIES = 10_000;
const SERVICES = 20;
const NODES = 6;
/** So that the process gives back what it does not need any more. */
const SMALL_HEAP = "--max-old-space-size=48";
const MIB = 2 ** 20;

test("when many nodes ask for a snapshot at once all get it in turn, from little memory, and a node in sync goes on following", async () => {
  await using stack = await Stack.start();
  const loader = await stack.startOss("oss-loader");
  for (const lines of offerings()) await stack.bulk(lines);
  await loader.stop();
  await using oss = new ServiceProcess("oss-0", "oss-service", { ...stack.ossEnv("oss-0"), NODE_OPTIONS: SMALL_HEAP });
  await oss.start();
  stack.useOss(oss.url);
  const synced = await stack.startNode("tv-aaa-0");
  await stack.untilSynced(synced);
  const before = (await usageOf(oss.pid)).peakMib;

  const databases = await Promise.all(Array.from({ length: NODES }, () => stack.database()));
  const names = databases.map((_, index) => `tv-aaa-${index + 1}`);
  const starting = databases.map((database, index) => stack.startNode(names[index] ?? "", database));
  const late = await Promise.all(starting);
  const isOver = async (): Promise<boolean> => (await Promise.all(late.map(nodeState))).every((state) => state.synced);
  let followed = 0;
  let atOnce = 0;
  while (!(await isOver())) {
    await stack.put("productOfferings/live", { name: `Live ${followed}`, services: [] });
    const { sequence } = await stack.stream();
    const follows = async (): Promise<boolean> => BigInt((await nodeState(synced)).sequence) >= BigInt(sequence);
    await until("the node in sync has it", follows, DEADLINE);
    atOnce = Math.max(atOnce, await snapshotsUnderWay(stack));
    followed += 1;
  }

  expect(followed).toBeGreaterThan(2);
  expect(atOnce).toBeLessThanOrEqual(2);
  await stack.untilSynced(synced, ...late);
  for (const node of late) {
    expect(await metricOf(node, 'aaa_node_resyncs_total{reason="never-synced"}')).toBe(1);
  }
  const content = await contentOf(stack.ossDatabase.url);
  for (const database of databases) expect(await contentOf(database)).toEqual(content);
  const snapshotMib = Buffer.byteLength(JSON.stringify(content)) / MIB;
  // One took what it took; all of them together take little more.
  expect((await usageOf(oss.pid)).peakMib - before).toBeLessThan((NODES * snapshotMib) / 2);
}, 240_000);

async function snapshotsUnderWay(stack: Stack): Promise<number> {
  const [row] = await query(
    stack.ossDatabase.url,
    "select count(*) from pg_stat_activity where datname = current_database() and query like 'copy (select entity, %'",
  );
  return Number(row?.count);
}

/** Bulk requests for offerings of a kilobyte each. */
function offerings(): string[] {
  const services = Array.from({ length: SERVICES }, (_, index) => `channel:a-service-with-a-rather-long-name-${index}`);
  const lines = Array.from({ length: ENTITIES }, (_, index) =>
    JSON.stringify({ entity: "ProductOffering", id: `o${index}`, payload: { name: `Offering ${index}`, services } }),
  );
  const size = 5_000;
  return Array.from({ length: ENTITIES / size }, (_, part) => lines.slice(part * size, (part + 1) * size).join("\n"));
}
