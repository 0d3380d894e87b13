import { isDeepStrictEqual } from "node:util";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { NodeService } from "../../node-service/src/service.ts";
import type { OssService } from "../../oss-service/src/service.ts";
import { TcpGate } from "../fault/tcp-gate.ts";
import { until } from "../lib/until.ts";
import { startContainer } from "../services/container.ts";
import { libpqEnv, startPostgresql } from "../services/postgresql.ts";
import { sharedRabbitmq } from "../services/shared.ts";
import { contentOf, metricOf, population, query, Stack } from "./stack.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };

let cleanup: AsyncDisposableStack;
let stack: Stack;
let oss: OssService;
let database: string;
let node: NodeService;
beforeEach(() => {
  cleanup = new AsyncDisposableStack();
});
afterEach(() => cleanup.disposeAsync(), 30_000);

async function start(): Promise<void> {
  stack = cleanup.use(await Stack.start());
  oss = await stack.startOss();
  database = await stack.database();
  node = await stack.startNode("tv-aaa-0", database);
  await stack.bulk(population(20));
  await stack.untilSynced(node);
}

/** Changes that the backup will not have. */
async function writeWhatGetsLost(): Promise<void> {
  await stack.put("subscribers/s3", { status: "suspended" });
  await stack.bulk(population(5, "lost"));
  await stack.untilSynced(node);
}

/**
 * Starts OSS on what was restored. It takes as many changes as were lost and some more before its relay tells where it
 * is: by their numbers alone a node could take them for what it has.
 */
async function startRestored(url: string): Promise<void> {
  const gate = cleanup.use(await TcpGate.start(sharedRabbitmq().port));
  gate.close();
  const BROKER_URL = `amqp://127.0.0.1:${gate.port}/${stack.vhost.name}`;
  await stack.startOss("oss-0", { ...libpqEnv(url), BROKER_URL });
  await stack.bulk(population(7, "later"));
  gate.open();
}

async function expectAsOss(url: string): Promise<void> {
  const content = await contentOf(url);
  const ids = content.map(({ entity_id }) => String(entity_id));
  expect(ids).toContain("e-later6");
  expect(ids).not.toContain("e-lost4");
  const isSame = async (): Promise<boolean> => isDeepStrictEqual(await contentOf(database), content);
  await until("the node has what OSS has", isSame, DEADLINE);
}

test("an OSS restored from an older dump, on a new server, takes every node back to what it has", async () => {
  const server = cleanup.use(await startPostgresql());
  await start();
  const dumped = await stack.database(server);
  await copyDatabase(stack.ossDatabase.url, dumped);
  await writeWhatGetsLost();
  await oss.stop();
  await startRestored(dumped);
  await expectAsOss(dumped);
  expect(await metricOf(node, 'aaa_node_resyncs_total{reason="gap"}')).toBe(1);
}, 90_000);

test("an OSS restored from an older copy of its disk, which knows nothing of that, takes every node back to what it has", async () => {
  await start();
  const { url, name } = stack.ossDatabase;
  const copied = `${name}_copied`;
  const admin = new URL(url);
  admin.pathname = "/postgres";
  await oss.stop();
  // The copy has the system identifier and the timeline of the original.
  await query(admin.href, `create database "${copied}" template "${name}"`);
  oss = await stack.startOss();
  await writeWhatGetsLost();
  await oss.stop();
  await query(admin.href, `drop database "${name}" with (force)`);
  await query(admin.href, `alter database "${copied}" rename to "${name}"`);
  await startRestored(url);
  await expectAsOss(url);
  // Its relay cannot know, so it is the content that tells.
  expect(await metricOf(node, 'aaa_node_resyncs_total{reason="diverged"}')).toBe(1);
}, 90_000);

/** As whoever restores a dump does. */
async function copyDatabase(from: string, to: string): Promise<void> {
  const script = 'pg_dump --dbname="$FROM" | psql --dbname="$TO" --quiet --set=ON_ERROR_STOP=1';
  const command = ["sh", "-c", script];
  await using copying = await startContainer({ image: "postgresql", command, environment: { FROM: from, TO: to } });
  const status = await copying.exited;
  if (status !== 0) throw new Error(`the dump could not be restored: ${copying.log()}`);
}
