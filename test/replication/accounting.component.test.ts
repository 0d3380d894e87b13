import { afterEach, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";
import { accountingSession } from "../../node-service/src/accounting/relay.ts";
import { createMetrics } from "../../node-service/src/metrics.ts";
import { Partition } from "../../node-service/src/partition/partition.ts";
import { stalenessLimit } from "../../node-service/src/partition/staleness.ts";
import type { NodeService } from "../../node-service/src/service.ts";
import { brokerSettings, createLog, createPool, databaseSettings, migrate, Wake } from "../../service-kit/src/index.ts";
import { Box, type Report } from "../box/box.ts";
import { TcpGate } from "../fault/tcp-gate.ts";
import { until } from "../lib/until.ts";
import { freePorts } from "../services/ports.ts";
import { sharedPostgresql, sharedRabbitmq } from "../services/shared.ts";
import { startService } from "./process.ts";
import { metricOf, nodeState, population, query, queueOf, Stack } from "./stack.ts";

const log = createLog("silent");
const QUEUE = "oss.accounting";
const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };

let cleanup: AsyncDisposableStack;
let stack: Stack;
beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  stack = cleanup.use(await Stack.start());
});
afterEach(() => cleanup.disposeAsync(), 30_000);

const gateTo = async (port: number): Promise<TcpGate> => cleanup.use(await TcpGate.start(port));
const brokerThrough = (gate: TcpGate) => ({ BROKER_URL: `amqp://127.0.0.1:${gate.port}/${stack.vhost.name}` });

/** A node that has the subscribers s0 to s3, and an authenticated box of s0. */
async function synced(...nodes: readonly NodeService[]): Promise<Box> {
  await stack.bulk(population(4));
  await stack.untilSynced(...nodes);
  return boxOf("s0", nodes[0] as NodeService);
}

async function boxOf(subscriberId: string, { url: gatewayUrl }: { readonly url: string }): Promise<Box> {
  const deviceId = `box-${subscriberId}`;
  const box = new Box({ gatewayUrl, subscriberId, deviceId, password: `password-${subscriberId}` });
  await box.authenticate();
  return box;
}

const report = (accountingRecordNumber: number, over: Partial<Report> = {}): Report => ({
  acctSessionId: "session-1",
  acctStatusType: "Interim-Update",
  accountingRecordNumber,
  acctSessionTime: accountingRecordNumber * 60,
  service: "channel:news-1",
  eventTime: "2026-01-31T00:00:00Z",
  ...over,
});
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

/** The ids of the records that OSS has, from its API, page after page, newest first. */
async function stored(filter = ""): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor = ""; ; ) {
    const { status, body } = await stack.call("GET", `/v1/accountingRecords?${filter}${cursor}`);
    expect(status).toBe(200);
    ids.push(...(body.records as { recordId: string }[]).map(({ recordId }) => recordId));
    if (body.next === null) return ids;
    cursor = `${filter === "" ? "" : "&"}cursor=${body.next}`;
  }
}

const untilStored = (count: number): Promise<unknown> =>
  until(`OSS has ${count} records`, async () => (await stored()).length >= count, DEADLINE);

const quarantined = (): Promise<Record<string, unknown>[]> =>
  query(stack.ossDatabase.url, "select reason from accounting_quarantine");

const isEmpty = async (): Promise<boolean> => {
  const { ready, unacknowledged } = await queueOf(stack, QUEUE);
  return ready + unacknowledged === 0;
};

test("a box that sends a record fifty times, at once and to two nodes, is charged once", async () => {
  await stack.startOss();
  const nodes = [await stack.startNode("tv-aaa-0"), await stack.startNode("tv-aaa-1")] as const;
  const box = await synced(...nodes);
  const stop = report(7, { acctStatusType: "Stop", acctTerminateCause: "User-Request" });
  const ids = await Promise.all(range(0, 50).map((turn) => box.account(stop, nodes[turn % 2]?.url)));
  expect(new Set(ids)).toEqual(new Set(["s0/box-s0/session-1/Stop/7"]));
  await box.account(report(8));
  await untilStored(2);
  await until("nothing is under way", async () => (await outboxes(...nodes)) === 0, DEADLINE);
  await until("the queue is empty", isEmpty, DEADLINE);
  expect((await stored()).sort()).toEqual(["s0/box-s0/session-1/Interim-Update/8", "s0/box-s0/session-1/Stop/7"]);
  expect(await quarantined()).toEqual([]);
  const taken = await Promise.all(
    nodes.map((node) => metricOf(node, 'aaa_node_accounting_records_total{acct_status_type="Stop"}')),
  );
  expect(taken).toEqual([1, 1]);
}, 60_000);

const outboxes = async (...nodes: readonly NodeService[]): Promise<number> => {
  const depths = await Promise.all(nodes.map((node) => metricOf(node, "aaa_node_accounting_outbox")));
  return depths.reduce((sum, depth) => sum + depth, 0);
};

test("a record with another content under the same id is refused, and set aside when another node took it", async () => {
  await stack.startOss();
  const nodes = [await stack.startNode("tv-aaa-0"), await stack.startNode("tv-aaa-1")] as const;
  const box = await synced(...nodes);
  await box.account(report(1));
  await untilStored(1);
  await expect(box.account(report(1, { acctSessionTime: 5 }))).rejects.toThrow(
    "409: another record was accepted as s0/box-s0/session-1/Interim-Update/1",
  );
  await box.account(report(1, { acctSessionTime: 5 }), nodes[1].url);
  await until("it is set aside", async () => (await quarantined()).length === 1, DEADLINE);
  expect(await quarantined()).toEqual([
    { reason: "another record was stored as s0/box-s0/session-1/Interim-Update/1" },
  ]);
  const { body } = await stack.call("GET", "/v1/accountingRecords?subscriberId=s0&deviceId=box-s0");
  expect(body.records).toMatchObject([{ acctSessionTime: 60, partition: "tv-aaa-0", service: "channel:news-1" }]);
}, 60_000);

test("records that a box has kept are taken together, as if each had been sent by itself", async () => {
  await stack.startOss();
  const node = await stack.startNode("tv-aaa-0");
  const box = await synced(node);
  const accessToken = await stack.accessToken({ subscriberId: "s0", deviceId: "box-s0" });
  const send = (...records: readonly Report[]) => sendAs(accessToken, records);
  const sendAs = async (token: string, records: readonly Report[]) => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ accessToken: token, records });
    const response = await fetch(new URL("/v1/accounting/list", node.url), { method: "POST", headers, body });
    return { status: response.status, body: await response.json() };
  };
  const idOf = (number: number): string => `s0/box-s0/session-1/Interim-Update/${number}`;
  const accepted = (): Promise<number> =>
    metricOf(node, 'aaa_node_accounting_records_total{acct_status_type="Interim-Update"}');

  expect(await send(report(1), report(2, { contentId: "tt0076759" }))).toMatchObject({
    status: 400,
    body: { errors: ["/records/1/contentId: is for an Event alone; remove it"] },
  });
  expect(await sendAs(`${accessToken}x`, [report(1)])).toMatchObject({ status: 401 });
  expect(await accepted()).toBe(0);
  await box.account(report(1));
  const all = range(0, 100).map((number) => report(number));
  for (const _ of range(0, 2)) {
    expect(await send(...all)).toEqual({ status: 200, body: { recordIds: range(0, 100).map(idOf) } });
  }
  expect(await send(report(100), report(7, { acctSessionTime: 5 }), report(101))).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining(`another record was accepted as ${idOf(7)};`) },
  });
  expect(await accepted()).toBe(102);
  await untilStored(102);
  expect((await stored()).sort()).toEqual(range(0, 102).map(idOf).sort());
  expect(await send()).toMatchObject({ status: 400 });
  expect(await send(...all, report(102))).toMatchObject({ status: 400 });
}, 60_000);

test("a purchase is a record of its own, with what was bought", async () => {
  await stack.startOss();
  const node = await stack.startNode("tv-aaa-0");
  const box = await synced(node);
  const { acctSessionTime: _, ...common } = report(0, { acctSessionId: "purchase-1", acctStatusType: "Event" });
  const purchase = { ...common, service: "vod:new", productOfferingId: "movie-night", contentId: "tt0076759" };
  await expect(box.account(common)).rejects.toThrow("400: the record is not one");
  for (const _ of range(0, 3)) expect(await box.account(purchase)).toBe("s0/box-s0/purchase-1/Event/0");
  await untilStored(1);
  const { body } = await stack.call("GET", "/v1/accountingRecords");
  expect(body.records).toEqual([expect.objectContaining({ ...purchase, recordId: "s0/box-s0/purchase-1/Event/0" })]);
  expect(await quarantined()).toEqual([]);
}, 60_000);

test("what is no record, or from nobody, is refused with what to write", async () => {
  await stack.startOss();
  const node = await stack.startNode("tv-aaa-0");
  const box = await synced(node);
  await expect(box.account(report(1, { acctTerminateCause: "Bored" }))).rejects.toThrow("400");
  await expect(box.account(report(1, { service: "\0" }))).rejects.toThrow("400: the record is not one");
  const stranger = new Box({ gatewayUrl: node.url, subscriberId: "s0", deviceId: "box-s0", password: "" });
  await expect(stranger.account(report(1))).rejects.toThrow("400");
  const answer = await fetch(new URL("/v1/accounting", node.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ accessToken: "forged", ...report(1) }),
  });
  expect(answer.status).toBe(401);
  expect(await stored()).toEqual([]);
}, 60_000);

test("records are read newest first, by subscriber or device, page by page", async () => {
  const oss = await stack.startOss();
  const node = await stack.startNode("tv-aaa-0");
  const first = await synced(node);
  const second = await boxOf("s1", node);
  for (const number of range(0, 5)) await first.account(report(number));
  await untilStored(5);
  await Promise.all(range(5, 120).map((number) => second.account(report(number))));
  await untilStored(120);
  expect(new Set(await stored())).toHaveProperty("size", 120);
  expect((await stored("subscriberId=s0")).sort()).toEqual(
    range(0, 5).map((n) => `s0/box-s0/session-1/Interim-Update/${n}`),
  );
  expect(await stored("deviceId=box-s1")).toHaveLength(115);
  expect(await stored("subscriberId=s1&deviceId=box-s0")).toEqual([]);
  expect((await stored())[119]).toMatch(/^s0/);
  expect((await stack.call("GET", "/v1/accountingRecords?cursor=x")).status).toBe(400);
  const anonymous = await fetch(new URL("/v1/accountingRecords", oss.url));
  expect(anonymous.status).toBe(401);
}, 60_000);

test("a node that is killed after it answered and before it could publish delivers when it is back", async () => {
  await stack.startOss();
  const gate = await gateTo(sharedRabbitmq().port);
  const database = await stack.database();
  const [port = 0] = await freePorts(1);
  const settings = { ...stack.nodeEnv("tv-aaa-0", database), ...brokerThrough(gate), PORT: String(port) };
  const url = `http://127.0.0.1:${port}`;
  const first = cleanup.use(startService("node-service", settings));
  const node = { url, stop: async () => {} };
  await until("the node answers", () => nodeState(node), DEADLINE);
  const box = await synced(node);
  gate.close();
  for (const number of range(0, 20)) await box.account(report(number));
  await first.kill();
  expect(await stored()).toEqual([]);

  gate.open();
  cleanup.use(startService("node-service", settings));
  await untilStored(20);
  expect(new Set(await stored()).size).toBe(20);
}, 60_000);

test("records wait in the outbox while the broker is away, also through a resync", async () => {
  await stack.startOss();
  const gate = await gateTo(sharedRabbitmq().port);
  const node = await stack.startNode("tv-aaa-0", undefined, brokerThrough(gate));
  const box = await synced(node);
  gate.close();
  for (const number of range(0, 20)) await box.account(report(number));
  expect(await outboxes(node)).toBe(20);
  await until("the node has noticed", async () => !(await nodeState(node)).consuming, DEADLINE);
  await stack.vhost.management("DELETE", `/queues/${stack.vhost.name}/aaa.partition.tv-aaa-0`);

  gate.open();
  await untilStored(20);
  await until("the outbox is empty", async () => (await outboxes(node)) === 0, DEADLINE);
  await stack.untilSynced(node);
  expect(await metricOf(node, 'aaa_node_resyncs_total{reason="queue-lost"}')).toBe(1);
  expect(new Set(await stored()).size).toBe(20);
}, 60_000);

test("a record that reaches no queue is not delivered, and sent again until there is one", async () => {
  const oss = await stack.startOss();
  const node = await stack.startNode("tv-aaa-0");
  const box = await synced(node);
  await until("the queue is there", () => queueOf(stack, QUEUE), DEADLINE);
  await oss.stop();
  await stack.vhost.management("DELETE", `/queues/${stack.vhost.name}/${QUEUE}`);
  await box.account(report(1));
  const refused = (): Promise<number> => metricOf(node, "aaa_node_accounting_refused_total");
  await until("it came back twice", async () => (await refused()) >= 2, DEADLINE);
  expect(await outboxes(node)).toBe(1);
  await stack.startOss();
  await untilStored(1);
  await until("the outbox is empty", async () => (await outboxes(node)) === 0, DEADLINE);
}, 60_000);

test("while the OSS database is away the records wait in the queue, and none is given back", async () => {
  const gate = await gateTo(sharedPostgresql().port);
  await stack.startOss("oss-0", { PGPORT: String(gate.port) });
  const node = await stack.startNode("tv-aaa-0");
  const box = await synced(node);
  await box.account(report(0));
  await untilStored(1);
  gate.close();
  for (const number of range(1, 20)) await box.account(report(number));
  const held = async (): Promise<boolean> => (await queueOf(stack, QUEUE)).unacknowledged === 19;
  await until("OSS holds them", held, DEADLINE);
  gate.open();
  await untilStored(20);
  await until("they are acknowledged", isEmpty, DEADLINE);
  expect((await queueOf(stack, QUEUE)).redelivered).toBe(0);
  expect(new Set(await stored()).size).toBe(20);
}, 60_000);

test("an OSS replica that is killed after its commit and before its ack charges nobody twice", async () => {
  const api = await stack.startOss("oss-api");
  const node = await stack.startNode("tv-aaa-0");
  const box = await synced(node);
  await api.stop();
  const [port = 0] = await freePorts(1);
  const doomed = cleanup.use(startService("oss-service", { ...stack.ossEnv("oss-doomed"), PORT: String(port) }));
  await until("it consumes", async () => (await queueOf(stack, QUEUE)).consumers === 1, DEADLINE);
  // Its commit waits for this lock.
  const holder = new pg.Client({ connectionString: stack.ossDatabase.url });
  await holder.connect();
  cleanup.defer(() => holder.end());
  await holder.query(`
    select pg_advisory_lock(1);
    create function wait_at_commit() returns trigger language plpgsql as
      'begin perform pg_advisory_xact_lock(1); return null; end';
    create constraint trigger wait_at_commit after insert on accounting
      deferrable initially deferred for each row execute function wait_at_commit()`);
  for (const number of range(0, 10)) await box.account(report(number));
  const waiting =
    "select from pg_locks where locktype = 'advisory' and objid = 1 and not granted and database = (select oid from pg_database where datname = current_database())";
  await until("it commits", async () => (await query(stack.ossDatabase.url, waiting)).length === 1, DEADLINE);
  doomed.child.kill("SIGSTOP");
  await holder.query("select pg_advisory_unlock(1); drop trigger wait_at_commit on accounting");
  const rows = (): Promise<unknown[]> => query(stack.ossDatabase.url, "select record_id from accounting");
  await until("it has committed", async () => (await rows()).length > 0, DEADLINE);
  const unacknowledged = async (): Promise<boolean> => (await queueOf(stack, QUEUE)).unacknowledged === 10;
  await until("nothing is acknowledged", unacknowledged, DEADLINE);
  await doomed.kill();

  await stack.startOss("oss-next");
  await untilStored(10);
  await until("the queue is empty", isEmpty, DEADLINE);
  expect(new Set(await stored()).size).toBe(10);
  expect(await rows()).toHaveLength(10);
  expect(await quarantined()).toEqual([]);
}, 60_000);

test("a message that is no record is set aside once, with its reason, and holds up nothing", async () => {
  const oss = await stack.startOss();
  const node = await stack.startNode("tv-aaa-0");
  const box = await synced(node);
  await until("the queue is there", () => queueOf(stack, QUEUE), DEADLINE);
  const publish = (payload: string): Promise<unknown> =>
    stack.vhost.management("POST", `/exchanges/${stack.vhost.name}/accounting/publish`, {
      routing_key: "record",
      payload,
      payload_encoding: "string",
      properties: {},
    });
  // The contract allows this character, PostgreSQL's jsonb does not.
  const unstorable = {
    recordId: "x",
    partition: "tv-aaa-0",
    subscriberId: "s0",
    deviceId: "box-s0",
    ...report(1, { service: "\0" }),
  };
  for (const message of ["not json", "not json", '{"recordId":"y"}', JSON.stringify(unstorable)])
    await publish(message);
  for (const number of range(0, 20)) await box.account(report(number));
  await untilStored(20);
  await until("three are set aside", async () => (await quarantined()).length === 3, DEADLINE);
  expect(await metricOf(oss, "aaa_oss_accounting_quarantined_total")).toBe(3);
  expect(new Set(await stored()).size).toBe(20);
}, 60_000);

test("a node that is told to stop first delivers what it has accepted", async () => {
  await stack.startOss();
  const gate = await gateTo(sharedRabbitmq().port);
  const node = await stack.startNode("tv-aaa-0", undefined, brokerThrough(gate));
  const box = await synced(node);
  gate.close();
  for (const number of range(0, 20)) await box.account(report(number));
  const stopped = node.stop();
  gate.open();
  await stopped;
  await untilStored(20);
}, 60_000);

test("what the nodes delivered within a day can be sent again to an OSS that was restored without it", async () => {
  await stack.startOss();
  const database = await stack.database();
  const node = await stack.startNode("tv-aaa-0", database);
  const box = await synced(node);
  for (const number of range(0, 10)) await box.account(report(number));
  await untilStored(10);
  await until("the outbox is empty", async () => (await outboxes(node)) === 0, DEADLINE);
  await query(stack.ossDatabase.url, "delete from accounting where position > 5");
  await query(database, "update accounting set delivered_at = null");
  await untilStored(10);
  await until("the outbox is empty again", async () => (await outboxes(node)) === 0, DEADLINE);
  expect(new Set(await stored()).size).toBe(10);
  expect(await quarantined()).toEqual([]);
}, 60_000);

test("a backlog of many windows needs no clock: what is confirmed makes room for what comes next", async () => {
  await stack.startOss();
  await until("the queue is there", () => queueOf(stack, QUEUE), DEADLINE);
  const env = stack.nodeEnv("tv-aaa-0", await stack.database());
  const pool = await createPool(databaseSettings(env), 2, log);
  cleanup.defer(() => pool.end());
  const migrations = new URL("../../node-service/src/migrations/", import.meta.url);
  await migrate(pool, migrations, log);
  const common = { partition: "tv-aaa-0", subscriberId: "s0", deviceId: "box-s0", ...report(0) };
  await pool.query(
    `insert into accounting (record_id, record)
     select i, $1::jsonb || jsonb_build_object('recordId', i::text) from generate_series(1, 5000) i`,
    [JSON.stringify(common)],
  );
  /** Rings as ever, and never times out. */
  class WakeWithoutClock extends Wake {
    override wait(signal: AbortSignal): Promise<boolean> {
      return super.wait(signal);
    }
  }
  const metrics = createMetrics(
    new Partition("tv-aaa-0", stalenessLimit({})),
    async () => 0,
    () => false,
  );
  const stopping = new AbortController();
  const relaying = accountingSession(
    {
      broker: brokerSettings(env),
      pool,
      migrations,
      partition: "tv-aaa-0",
      wake: new WakeWithoutClock(),
      metrics,
      log,
    },
    { signal: stopping.signal, ready: () => {} },
  ).catch((error: unknown) => error);
  try {
    const rows = (): Promise<unknown[]> => query(stack.ossDatabase.url, "select from accounting");
    await until("OSS has all", async () => (await rows()).length === 5_000, DEADLINE);
  } finally {
    stopping.abort();
    await relaying;
  }
}, 60_000);

test("whatever breaks, a record that a box got a 2xx for is at OSS, once", async () => {
  const broker = await gateTo(sharedRabbitmq().port);
  const ossDatabase = await gateTo(sharedPostgresql().port);
  await stack.startOss("oss-0", { ...brokerThrough(broker), PGPORT: String(ossDatabase.port) });
  const settings = { ...brokerThrough(broker) };
  const steady = await stack.startNode("tv-aaa-0", undefined, settings);
  const [port = 0] = await freePorts(1);
  const env = { ...stack.nodeEnv("tv-aaa-1", await stack.database()), ...settings, PORT: String(port) };
  const shaky = { url: `http://127.0.0.1:${port}`, stop: async () => {} };
  let process = cleanup.use(startService("node-service", env));
  await until("the node answers", () => nodeState(shaky), DEADLINE);
  await synced(steady, shaky);
  const boxes = await Promise.all(["s0", "s1", "s2", "s3"].map((id) => boxOf(id, steady)));

  const accepted = new Set<string>();
  const deadline = Date.now() + 8_000;
  const reporting = boxes.map(async (box, index) => {
    for (let number = 0; Date.now() < deadline; number += 1) {
      // Like a box: again, at another node, until one has answered.
      for (let turn = index; Date.now() < deadline + 10_000; turn += 1) {
        const id = await box.account(report(number), [steady.url, shaky.url][turn % 2]).catch(() => null);
        if (id === null) continue;
        accepted.add(id);
        break;
      }
    }
  });
  for (const fault of ["node", "broker", "database", "node", "broker"]) {
    const before = accepted.size;
    const more = (): boolean => accepted.size > before + 20;
    await until("more is accepted", more, DEADLINE);
    if (fault === "node") {
      await process.kill();
      process = cleanup.use(startService("node-service", env));
      continue;
    }
    const gate = fault === "broker" ? broker : ossDatabase;
    gate.close();
    await until("more is accepted meanwhile", () => accepted.size > before + 40, DEADLINE);
    gate.open();
  }
  await Promise.all(reporting);
  await until("the node that was killed is back", () => nodeState(shaky), DEADLINE);
  await until("nothing is under way", async () => (await outboxes(steady, shaky)) === 0, DEADLINE);
  const found = (): Promise<Record<string, unknown>[]> =>
    query(stack.ossDatabase.url, "select record_id from accounting");
  const missing = async (): Promise<string[]> => {
    const ids = new Set((await found()).map(({ record_id }) => record_id));
    return [...accepted].filter((id) => !ids.has(id));
  };
  await until("OSS has every record", async () => (await missing()).length === 0, DEADLINE);
  expect(accepted.size).toBeGreaterThan(100);
  // Each box sent every record until it was accepted.
  expect(await found()).toHaveLength(accepted.size);
  expect(await quarantined()).toEqual([]);
}, 90_000);
