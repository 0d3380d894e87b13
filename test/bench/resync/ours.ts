import { usageOf } from "../../lib/process-usage.ts";
import { until } from "../../lib/until.ts";
import { ServiceProcess } from "../../replication/fuzz/service-process.ts";
import { type NodeState, Stack } from "../../replication/stack.ts";
import type { Postgresql } from "../../services/postgresql.ts";
import type { Rabbitmq } from "../../services/rabbitmq.ts";
import { fillOss } from "./entities.ts";

export interface Resync {
  /** From the start of the node's process until it says that it is synced. */
  readonly seconds: number;
  /** The most memory the processes ever had, in 10^6 bytes. */
  readonly ossRssMb: number;
  readonly nodeRssMb: number;
  /** The URL of the database of OSS, which `dispose` drops. */
  readonly ossDatabase: string;
}

/** An OSS with so many entities, and a node that begins with nothing; `then` runs while all of it is still there. */
export async function resync<T>(
  rabbitmq: Rabbitmq,
  ossServer: Postgresql,
  nodeServer: Postgresql,
  entities: number,
  then: (resync: Resync) => Promise<T>,
): Promise<T> {
  await using stack = await Stack.start({ rabbitmq, postgresql: ossServer });
  await using filling = new ServiceProcess("oss-0", "oss-service", stack.ossEnv("oss-0"));
  const isReady = async (): Promise<boolean> => (await fetch(new URL("/readyz", filling.url))).ok;
  await filling.start();
  await until("OSS is ready", isReady, { deadlineMs: 30_000, intervalMs: 50 });
  await filling.kill();
  await fillOss(stack.ossDatabase.url, entities);

  await using oss = new ServiceProcess("oss-0", "oss-service", stack.ossEnv("oss-0"));
  await oss.start();
  const relays = async (): Promise<boolean> => {
    const { relaying } = (await (await fetch(new URL("/v1/relay", oss.url))).json()) as { relaying: boolean };
    return relaying;
  };
  await until("OSS relays", relays, { deadlineMs: 30_000, intervalMs: 50 });
  const url = await stack.database(nodeServer);
  await using node = new ServiceProcess("tv-aaa-0", "node-service", stack.nodeEnv("tv-aaa-0", url));
  const isSynced = async (): Promise<boolean> =>
    ((await (await fetch(new URL("/v1/partition", node.url))).json()) as NodeState).synced;
  const began = performance.now();
  await node.start();
  await until("the node is synced", isSynced, { deadlineMs: 600_000, intervalMs: 50 });
  const seconds = (performance.now() - began) / 1000;
  const [ossRssMb, nodeRssMb] = await Promise.all(
    [oss, node].map(async ({ pid }) => toMb((await usageOf(pid)).peakMib)),
  );
  return await then({
    seconds,
    ossRssMb: ossRssMb ?? 0,
    nodeRssMb: nodeRssMb ?? 0,
    ossDatabase: stack.ossDatabase.url,
  });
}

const toMb = (mib: number): number => (mib * 2 ** 20) / 1e6;
