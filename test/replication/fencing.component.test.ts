import { expect, test } from "@jest/globals";
import { TcpGate } from "../fault/tcp-gate.ts";
import { until } from "../lib/until.ts";
import { sharedRabbitmq } from "../services/shared.ts";
import { ServiceProcess } from "./fuzz/service-process.ts";
import { contentOf, endRelaySession, metricOf, nodeState, population, query, Stack } from "./stack.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };
const STALE = 10;

test("a relay that slept past its lock changes nothing with what it had sent, nor when it wakes", async () => {
  await using stack = await Stack.start();
  await using gate = await TcpGate.start(sharedRabbitmq().port);
  await using sleeper = new ServiceProcess("oss-asleep", "oss-service", {
    ...stack.ossEnv("oss-asleep"),
    BROKER_URL: `amqp://127.0.0.1:${gate.port}/${stack.vhost.name}`,
  });
  await sleeper.start();
  stack.useOss(sleeper.url);
  await until("the sleeper relays", async () => (await stack.stream()).relay === "oss-asleep", DEADLINE);
  await stack.startOss("oss-awake");
  const database = await stack.database();
  const node = await stack.startNode("tv-aaa-0", database);
  await stack.bulk(population(20));
  await stack.untilSynced(node);
  const { epoch: staleEpoch } = await stack.stream();

  gate.silence();
  await renameOffering(stack, STALE);
  await untilRelayHasSent(stack);
  sleeper.signal("SIGSTOP");
  // As the server does by itself when the keepalives of a machine that is gone stay unanswered.
  await endRelaySession(stack.ossDatabase.url);
  await until("the other one relays", async () => (await stack.stream()).relay === "oss-awake", DEADLINE);
  await renameOffering(stack, 1);
  await stack.untilSynced(node);
  const applied = await metricOf(node, "aaa_node_applied_total");
  const dropped = await metricOf(node, "aaa_node_dropped_total");

  gate.open();
  await until(
    "the node has got what the sleeper had sent",
    async () => (await metricOf(node, "aaa_node_dropped_total")) >= dropped + STALE,
    DEADLINE,
  );
  expect(await metricOf(node, "aaa_node_applied_total")).toBe(applied);

  sleeper.signal("SIGCONT");
  await until("the sleeper knows that its term is over", () => sleeper.warnings().join().includes('"relay"'), DEADLINE);
  await until("the sleeper answers", async () => (await fetch(new URL("/readyz", sleeper.url))).ok, DEADLINE);
  await renameOffering(stack, 5);
  await stack.untilSynced(node);
  const stream = await stack.stream();
  expect(stream.relay).toBe("oss-awake");
  expect(BigInt(stream.epoch)).toBeGreaterThan(BigInt(staleEpoch));
  expect(await nodeState(node)).toMatchObject({ epoch: stream.epoch, sequence: stream.sequence });
  expect(await contentOf(database)).toEqual(await contentOf(stack.ossDatabase.url));
  expect(await metricOf(node, "aaa_node_applied_total")).toBe(applied + 5);
  expect(await metricOf(node, 'aaa_node_resyncs_total{reason="gap"}')).toBe(0);
  expect(await metricOf(node, "aaa_node_quarantined_total")).toBe(0);
}, 90_000);

async function renameOffering(stack: Stack, times: number): Promise<void> {
  for (let index = 0; index < times; index += 1) {
    await stack.put("productOfferings/basic", { name: `Basic ${index}`, services: [] });
  }
}

/** Waits until the relay has read the outbox once more, and after that another time: by then it has sent all it found. */
async function untilRelayHasSent(stack: Stack): Promise<void> {
  const reads = async (): Promise<string> => {
    const rows = await query(
      stack.ossDatabase.url,
      `select query_start::text as at from pg_stat_activity
       where query like '%from relay left join%' and pid <> pg_backend_pid() and datname = current_database()`,
    );
    return rows.map(({ at }) => String(at)).join();
  };
  for (let turn = 0; turn < 2; turn += 1) {
    const before = await reads();
    await until("the relay has read the outbox again", async () => (await reads()) !== before, DEADLINE);
  }
}
