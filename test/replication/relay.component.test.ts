import { expect, test } from "@jest/globals";
import pg from "pg";
import type { OssService } from "../../oss-service/src/service.ts";
import { TcpGate } from "../fault/tcp-gate.ts";
import { until } from "../lib/until.ts";
import { sharedPostgresql, sharedRabbitmq } from "../services/shared.ts";
import { ServiceProcess } from "./fuzz/service-process.ts";
import { contentOf, metricOf, nodeState, query, queueOf, Stack } from "./stack.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };

interface Relay {
  readonly relaying: boolean;
  readonly instance: string;
  readonly outbox: number;
}

async function relayOf(service: OssService): Promise<Relay> {
  return (await (await fetch(new URL("/v1/relay", service.url))).json()) as Relay;
}

test("of two OSS replicas one says that it relays, and none while the broker cannot be reached", async () => {
  await using gate = await TcpGate.start(sharedRabbitmq().port);
  await using stack = await Stack.start();
  const env = { BROKER_URL: `amqp://127.0.0.1:${gate.port}/${stack.vhost.name}` };
  const first = await stack.startOss("oss-0", env);
  const second = await stack.startOss("oss-1", env);
  const both = async (): Promise<Relay[]> => [await relayOf(first), await relayOf(second)];
  const relaying = async (): Promise<string[]> => (await both()).flatMap((one) => (one.relaying ? [one.instance] : []));
  await until("one relays", async () => (await relaying()).length === 1, DEADLINE);
  expect((await both()).map(({ instance }) => instance)).toEqual(["oss-0", "oss-1"]);

  gate.close();
  await until("none relays", async () => (await relaying()).length === 0, DEADLINE);
  await stack.put("productOfferings/basic", { name: "Basic", services: [] });
  await stack.put("productOfferings/extra", { name: "Extra", services: [] });
  expect((await both()).map(({ outbox }) => outbox)).toEqual([2, 2]);

  gate.open();
  await until(
    "one has published all",
    async () => (await both()).some((one) => one.relaying && one.outbox === 0),
    DEADLINE,
  );
  expect(await relaying()).toHaveLength(1);
}, 60_000);

test("a snapshot that OSS cannot send because its database is away is sent when it is back, with no second request", async () => {
  await using stack = await Stack.start();
  await using gate = await TcpGate.start(sharedPostgresql().port);
  const oss = await stack.startOss("oss-0", { PGPORT: `${gate.port}` });
  await until("it takes requests", async () => (await queueOf(stack, "oss.snapshot-requests")).consumers > 0, DEADLINE);
  gate.close();
  const node = await stack.startNode("tv-aaa-0");
  const failed = 'aaa_oss_snapshots_total{result="failed"}';
  await until("it could not send the snapshot", async () => (await metricOf(oss, failed)) > 0, DEADLINE);
  gate.open();
  // A node asks again after 30 s of silence.
  const synced = async (): Promise<boolean> => (await nodeState(node)).synced;
  await until("the node has its snapshot", synced, { ...DEADLINE, deadlineMs: 20_000 });
}, 60_000);

test("what OSS had committed when it was killed is broadcast by the next replica, and what it had not is nowhere", async () => {
  await using gate = await TcpGate.start(sharedRabbitmq().port);
  await using stack = await Stack.start();
  await using doomed = new ServiceProcess("oss-doomed", "oss-service", {
    ...stack.ossEnv("oss-doomed"),
    BROKER_URL: `amqp://127.0.0.1:${gate.port}/${stack.vhost.name}`,
  });
  await doomed.start();
  stack.useOss(doomed.url);
  const database = await stack.database();
  const node = await stack.startNode("tv-aaa-0", database);
  const synced = async (): Promise<boolean> => (await nodeState(node)).synced;
  await until("the node has its snapshot", synced, DEADLINE);
  gate.close();
  await stack.put("productOfferings/committed", { name: "Committed", services: [] });
  // The statement that commits it waits for this lock.
  const holder = new pg.Client({ connectionString: stack.ossDatabase.url });
  await holder.connect();
  try {
    await holder.query("begin; select from stream for update");
    const lost = stack.call("PUT", "/v1/productOfferings/lost", { name: "Lost", services: [] }).catch(() => null);
    const waiting = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    await until("it waits", async () => (await query(stack.ossDatabase.url, waiting)).length === 1, DEADLINE);
    await doomed.kill();
    expect(await lost).toBeNull();
    // The server has the whole statement, and would carry it out also for a client that is gone.
    await query(stack.ossDatabase.url, `select pg_terminate_backend(pid) from (${waiting}) as lost`);
  } finally {
    await holder.end();
  }
  await stack.startOss("oss-next");
  await stack.put("productOfferings/later", { name: "Later", services: [] });
  await stack.untilSynced(node);
  const content = await contentOf(database);
  expect(content.map(({ entity_id }) => entity_id)).toEqual(["committed", "later"]);
  expect(content).toEqual(await contentOf(stack.ossDatabase.url));
  expect((await stack.stream()).sequence).toBe("2");
  expect(await metricOf(node, 'aaa_node_resyncs_total{reason="gap"}')).toBe(0);
}, 60_000);
