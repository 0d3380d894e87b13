import { expect, test } from "@jest/globals";
import type { OssService } from "../../oss-service/src/service.ts";
import { TcpGate } from "../fault/tcp-gate.ts";
import { until } from "../lib/until.ts";
import { sharedPostgresql, sharedRabbitmq } from "../services/shared.ts";
import { metricOf, nodeState, Stack } from "./stack.ts";

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
  await until("it takes requests", () => hasConsumer(stack, "oss.snapshot-requests"), DEADLINE);
  gate.close();
  const node = await stack.startNode("tv-aaa-0");
  const failed = 'aaa_oss_snapshots_total{result="failed"}';
  await until("it could not send the snapshot", async () => (await metricOf(oss, failed)) > 0, DEADLINE);
  gate.open();
  // A node asks again after 30 s of silence.
  const synced = async (): Promise<boolean> => (await nodeState(node)).synced;
  await until("the node has its snapshot", synced, { ...DEADLINE, deadlineMs: 20_000 });
}, 60_000);

async function hasConsumer(stack: Stack, queue: string): Promise<boolean> {
  const found = (await stack.vhost.management("GET", `/queues/${stack.vhost.name}/${queue}`)) as { consumers?: number };
  return (found.consumers ?? 0) > 0;
}
