import { afterEach, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";
import type { AccountingRecord } from "../../contract/src/index.ts";
import type { Acceptance } from "../../node-service/src/accounting/group.ts";
import { GroupCommit } from "../../node-service/src/accounting/group-commit.ts";
import { durable } from "../../node-service/src/accounting/settings.ts";
import { createMetrics, type Metrics } from "../../node-service/src/metrics.ts";
import { Partition } from "../../node-service/src/partition/partition.ts";
import { stalenessLimit } from "../../node-service/src/partition/staleness.ts";
import { createLog, createPool, databaseSettings, migrate } from "../../service-kit/src/index.ts";
import { until } from "../lib/until.ts";
import { freshDatabase } from "../services/fresh.ts";
import { libpqEnv } from "../services/postgresql.ts";
import { query } from "./stack.ts";

const log = createLog("silent");
const DEADLINE = { deadlineMs: 30_000, intervalMs: 20 };
const MIGRATIONS = new URL("../../node-service/src/migrations/", import.meta.url);
const MOST_WAITING = 20_000;
/** More than any test here holds a commit back. */
const PATIENT_MS = 60_000;

let cleanup: AsyncDisposableStack;
let url: string;
let metrics: Metrics;
let groups: GroupCommit;

beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  ({ url } = cleanup.use(await freshDatabase()));
  const pool = await sessions(PATIENT_MS);
  await migrate(pool, MIGRATIONS, log);
  metrics = createMetrics(
    new Partition("tv-aaa-0", stalenessLimit({})),
    async () => 0,
    () => false,
  );
  groups = new GroupCommit({ pool, timeoutMs: PATIENT_MS, metrics, log });
}, 30_000);
afterEach(() => cleanup.disposeAsync(), 30_000);

async function sessions(timeoutMs: number): Promise<pg.Pool> {
  const pool = await createPool(databaseSettings(libpqEnv(url)), 1, log, durable(timeoutMs));
  cleanup.defer(() => pool.end());
  return pool;
}

const record = (recordId: string, over: Partial<AccountingRecord> = {}): AccountingRecord => ({
  recordId,
  partition: "tv-aaa-0",
  subscriberId: "s0",
  deviceId: "box-s0",
  acctSessionId: "1",
  acctStatusType: "Stop",
  accountingRecordNumber: 1,
  service: "channel:news-1",
  eventTime: "2026-01-31T00:00:00Z",
  ...over,
});
const records = (count: number): AccountingRecord[] => Array.from({ length: count }, (_, index) => record(`r${index}`));

async function accept(to: GroupCommit, one: AccountingRecord): Promise<Acceptance | undefined> {
  const [acceptance] = await to.accept([one]);
  return acceptance;
}

const storedIds = async (): Promise<unknown[]> =>
  (await query(url, "select record_id from accounting order by record_id")).map(({ record_id }) => record_id);

/** Keeps the first group from being committed until `open` is called, so that what comes then waits together. */
async function holdTheTable(): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  cleanup.defer(() => holder.end());
  await holder.query("begin; lock table accounting");
  return async () => {
    await holder.query("commit");
  };
}

const commits = async (): Promise<number> => {
  const { values } = await metrics.accountingGroupSize.get();
  return values.find(({ metricName }) => metricName?.endsWith("_count"))?.value ?? 0;
};

test("records that come while others are committed go together in the next commit", async () => {
  const open = await holdTheTable();
  const accepted = records(400).map((one) => accept(groups, one));
  await open();
  expect(new Set(await Promise.all(accepted))).toEqual(new Set(["new"]));
  expect(await storedIds()).toHaveLength(400);
  expect(await commits()).toBe(2);
}, 60_000);

test("of very many that wait, those that came first are committed first, some thousands at a time", async () => {
  const open = await holdTheTable();
  const first = accept(groups, record("first"));
  const ended: number[] = [];
  const accepted = records(4_500).map((one, index) => accept(groups, one).then(() => ended.push(index)));
  await open();
  await Promise.all([first, ...accepted]);
  expect(ended).toEqual([...ended].sort((one, other) => one - other));
  expect(await commits()).toBe(4);
}, 60_000);

test("a record that the database refuses fails alone, whatever goes with it", async () => {
  const open = await holdTheTable();
  const first = accept(groups, record("first"));
  const bad = record("bad", { service: "\0" });
  const group = [...records(50), bad, record("after")];
  const settled = Promise.allSettled(group.map((one) => accept(groups, one)));
  await open();
  expect(await first).toBe("new");
  const results = await settled;
  const refused = results.flatMap((result, index) => (result.status === "rejected" ? [[index, result.reason]] : []));
  expect(refused).toEqual([[50, expect.objectContaining({ status: 400, code: "invalid-request" })]]);
  expect(await storedIds()).toHaveLength(52);
}, 60_000);

test("of a request of which the database refuses one record none is stored, and those of others are", async () => {
  const open = await holdTheTable();
  const first = accept(groups, record("first"));
  const bad = groups.accept([record("a"), record("bad", { service: "\0" }), record("b")]);
  const good = groups.accept([record("c"), record("d")]);
  await Promise.all([
    expect(bad).rejects.toMatchObject({ status: 400, code: "invalid-request" }),
    expect(good).resolves.toEqual(["new", "new"]),
    first,
    open(),
  ]);
  expect(await storedIds()).toEqual(["c", "d", "first"]);
}, 60_000);

test("behind a record that has waited for long no more are taken, and they are again when it was committed", async () => {
  const open = await holdTheTable();
  const accepted = [accept(groups, record("first")), accept(groups, record("second"))];
  expect(groups.isFull).toBe(false);
  await until("it has waited for long", async () => groups.isFull, DEADLINE);
  await open();
  await Promise.all(accepted);
  expect(groups.isFull).toBe(false);
  expect(groups.waiting).toBe(0);
}, 60_000);

test("within one group a retry is harmless, and another record under the same id is refused", async () => {
  await accept(groups, record("old"));
  const open = await holdTheTable();
  const one = accept(groups, record("first"));
  const other = { acctSessionTime: 5 };
  const group = [record("a"), record("a"), record("a", other), record("old"), record("old", other), record("b")];
  const accepted = Promise.all(group.map((member) => accept(groups, member)));
  await open();
  await one;
  expect(await accepted).toEqual(["new", "same", "other", "same", "other", "new"]);
  expect(await storedIds()).toEqual(["a", "b", "first", "old"]);
  const rows = await query(url, "select record ->> 'acctSessionTime' as time from accounting");
  expect(rows.every(({ time }) => time === null)).toBe(true);
}, 60_000);

test("no more wait than there is memory for: what comes then is refused at once, and is accepted afterwards", async () => {
  const open = await holdTheTable();
  const first = accept(groups, record("first"));
  const accepted = records(MOST_WAITING).map((one) => accept(groups, one));
  expect(groups.isFull).toBe(true);
  const refusal = await accept(groups, record("late")).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ status: 503, code: "overloaded" });
  expect(Object(refusal).retryAfterSeconds).toBeGreaterThanOrEqual(1);
  await open();
  await Promise.all([first, ...accepted]);
  expect(await accept(groups, record("late"))).toBe("new");
  expect(await storedIds()).toHaveLength(MOST_WAITING + 2);
}, 60_000);

test("records that come together are refused together when there is no room for all of them", async () => {
  const open = await holdTheTable();
  const first = accept(groups, record("first"));
  const waiting = groups.accept(records(MOST_WAITING - 1));
  await expect(groups.accept([record("a"), record("b")])).rejects.toMatchObject({ status: 503, code: "overloaded" });
  expect(groups.waiting).toBe(MOST_WAITING - 1);
  await open();
  await Promise.all([first, waiting]);
  expect(await storedIds()).toHaveLength(MOST_WAITING);
}, 60_000);

test("when the connection breaks nobody is told that a record is safe, and the next ones are taken again", async () => {
  await accept(groups, record("before"));
  const open = await holdTheTable();
  const lost = Promise.allSettled(records(10).map((one) => accept(groups, one)));
  const waits = "select pid from pg_stat_activity where wait_event_type = 'Lock' and query ilike '%insert into acc%'";
  const [backend] = await until(
    "it waits",
    async () => (await query(url, waits)).length > 0 && query(url, waits),
    DEADLINE,
  );
  await query(url, `select pg_terminate_backend(${backend?.pid})`);
  await open();
  const results = await lost;
  expect(results[0]?.status).toBe("rejected");
  const again = () => accept(groups, record("r0"));
  expect(await until("it is taken", again, DEADLINE)).toMatch(/new|same/);
  expect(await storedIds()).toContain("r0");
}, 60_000);

test("a commit that takes too long is given up with all that wait behind it, and nothing of them is stored later", async () => {
  const timeoutMs = 500;
  const pool = await sessions(timeoutMs);
  const hasty = new GroupCommit({ pool, timeoutMs, metrics, log });
  const open = await holdTheTable();
  const results = await Promise.allSettled(records(10).map((one) => accept(hasty, one)));
  for (const result of results) {
    const reason = expect.objectContaining({
      status: 503,
      code: "database-away",
      retryAfterSeconds: expect.any(Number),
    });
    expect(result).toEqual({ status: "rejected", reason });
  }
  const waits = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
  await until("nobody waits for the table", async () => (await query(url, waits)).length === 0, DEADLINE);
  await open();
  expect(await accept(hasty, record("r0"))).toBe("new");
  expect(await storedIds()).toEqual(["r0"]);
}, 60_000);

test("a record is on the disk before it is accepted: commits are synchronous, whatever the server's default", async () => {
  await query(url, `alter database "${new URL(url).pathname.slice(1)}" set synchronous_commit = off`);
  const pool = await sessions(PATIENT_MS);
  const { rows } = await pool.query("show synchronous_commit");
  expect(rows).toEqual([{ synchronous_commit: "on" }]);
}, 60_000);
