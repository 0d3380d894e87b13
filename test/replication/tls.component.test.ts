import { expect, test } from "@jest/globals";
import { until } from "../lib/until.ts";
import { metricOf, population, query, Stack } from "./stack.ts";

const ENCRYPTED = `select bool_and(ssl) as all, count(*)::int > 0 as any
  from pg_stat_ssl join pg_stat_activity using (pid) where datname = current_database() and pid <> pg_backend_pid()`;

test("OSS and a node need no connection that is not encrypted", async () => {
  await using stack = await Stack.start({ tls: true });
  await stack.startOss();
  const database = await stack.database();
  const node = await stack.startNode("tv-aaa-0", database);
  await stack.bulk(population(5));
  await stack.untilSynced(node);
  expect(await metricOf(node, "aaa_node_sequence")).toBeGreaterThanOrEqual(16);
  for (const url of [stack.ossDatabase.url, database])
    expect(await query(url, ENCRYPTED)).toEqual([{ all: true, any: true }]);
  const connections = async (): Promise<{ ssl: boolean }[]> => {
    const { name } = stack.vhost;
    return (await stack.vhost.management("GET", `/vhosts/${name}/connections`)) as { ssl: boolean }[];
  };
  await until("the broker shows its connections", async () => (await connections()).length === 5, {
    deadlineMs: 20_000,
  });
  expect((await connections()).map(({ ssl }) => ssl)).toEqual([true, true, true, true, true]);
}, 60_000);
