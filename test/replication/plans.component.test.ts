import { afterEach, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";
import { storeRecords } from "../../node-service/src/accounting/outbox.ts";
import { planBatch } from "../../node-service/src/partition/batch.ts";
import { commitPlan } from "../../node-service/src/partition/storage.ts";
import { readPieces } from "../../node-service/src/reads.ts";
import { storeDeliveries } from "../../oss-service/src/accounting/storage.ts";
import { type Write, write } from "../../oss-service/src/store.ts";
import { BY_KEY, createLog, migrate } from "../../service-kit/src/index.ts";
import { type FreshDatabase, freshDatabase } from "../services/fresh.ts";

const log = createLog("silent");
const ROWS = 20_000;
/** A table of more than one row that is read from its beginning, or an index without a condition. */
const WHOLE = /Seq Scan on (?!watermark|stream)|Index (?:Only )?Scan (?:using|on) .*\n(?! *Index Cond)/;

let database: FreshDatabase;
let pool: pg.Pool;
beforeEach(async () => {
  database = await freshDatabase();
});
afterEach(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

/** Makes the tables and one connection, which keeps the plans that it makes now. */
async function makeTables(
  service: "node-service" | "oss-service",
  session: string,
  ...tables: string[]
): Promise<void> {
  const options = `-c plan_cache_mode=force_generic_plan ${session}`;
  pool = new pg.Pool({ connectionString: database.url, max: 1, options });
  pool.on("error", () => {}); // The database is taken away with its sessions.
  await migrate(pool, new URL(`../../${service}/src/migrations/`, import.meta.url), log);
  // It would look at the tables anew, and the plans would be made again: what is measured is the time until then.
  for (const table of tables) await pool.query(`alter table ${table} set (autovacuum_enabled = false)`);
}

/** The statements that are kept on the connection and read a table whole, with their plans. */
async function readingWhole(): Promise<string[]> {
  const { rows } = await pool.query<{ name: string; count: number }>(
    "select name, cardinality(parameter_types) as count from pg_prepared_statements where name <> '' order by name",
  );
  const found: string[] = [];
  for (const { name, count } of rows) {
    const parameters = Array(count).fill("null").join();
    const plan = await pool.query<{ "QUERY PLAN": string }>(`explain execute "${name}"(${parameters})`);
    const text = plan.rows.map((row) => row["QUERY PLAN"]).join("\n");
    if (WHOLE.test(text)) found.push(`${name}:\n${text}`);
  }
  expect(rows.length).toBeGreaterThan(0);
  return found;
}

const report = {
  acctSessionId: "1",
  acctStatusType: "Stop",
  accountingRecordNumber: 1,
  service: "x",
  eventTime: "2026-01-31T00:00:00Z",
} as const;
const record = { recordId: "r", partition: "tv-aaa-0", subscriberId: "s", deviceId: "d", ...report };

test("no plan that a node keeps from when its tables were small reads a table whole", async () => {
  await makeTables("node-service", BY_KEY, "entities", "accounting");
  await pool.query("insert into entities values ('Subscriber', 's1', 1, '{}'); analyze entities");
  await storeRecords(pool, [record], 30_000);
  await commitPlan(pool, planBatch({ epoch: 0n, sequence: 0n }, []));
  await readPieces(pool, { accounts: new Set(["s1"]), devices: new Set(["d1"]), offerings: new Set(["o1"]) });
  await pool.query(`insert into entities select 'Subscriber', i, 1, '{}' from generate_series(1, ${ROWS}) i`);
  expect(await readingWhole()).toEqual([]);
}, 60_000);

test("no plan that OSS keeps for provisioning from when its tables were small reads a table whole", async () => {
  await makeTables("oss-service", BY_KEY, "entities", "outbox");
  const put = (entity: Write["entity"], id: string, payload: object | null): Promise<unknown> => {
    const prepare = async (): Promise<Write[]> => [{ entity, id, decide: () => payload as never }];
    return write(pool, { idempotent: null, prepare, answer: (written) => written }, new Date());
  };
  const credential = { scheme: "SCRAM-SHA-256", salt: "", iterations: 4096, storedKey: "", serverKey: "" };
  await put("Subscriber", "s1", { status: "active", credential });
  await put("Device", "d1", { subscriberId: "s1", status: "active" });
  await put("Device", "d1", null);
  await pool.query(`insert into entities select 'Device', i, 1, '{}' from generate_series(1, ${ROWS}) i`);
  expect(await readingWhole()).toEqual([]);
}, 60_000);

test("no plan that OSS keeps for accounting from when its tables were small reads a table whole", async () => {
  await makeTables("oss-service", "", "accounting", "accounting_quarantine");
  await storeDeliveries(pool, [{ kind: "record", record, body: Buffer.from("{}") }]);
  await pool.query(`
    insert into accounting (record_id, subscriber_id, device_id, partition, record)
    select i, i, i, 'tv-aaa-0', '{}' from generate_series(1, ${ROWS}) i`);
  expect(await readingWhole()).toEqual([]);
}, 60_000);
