import { migrate, transaction } from "@aaa-cluster/service-kit";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";
import { pino } from "pino";
import { FencedError, readOutbox, startEpoch } from "../../oss-service/src/relay-sql.ts";
import { type FreshDatabase, freshDatabase } from "../services/fresh.ts";

const MIGRATIONS = new URL("../../oss-service/src/migrations/", import.meta.url);
const WAITING = 20_000;

let database: FreshDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await freshDatabase();
  pool = new pg.Pool({ connectionString: database.url });
  await migrate(pool, MIGRATIONS, pino({ enabled: false }));
  await pool.query(`insert into outbox select n, '{}' from generate_series(1, ${WAITING}) as n`);
});

afterAll(async () => {
  await pool?.end();
  await database?.[Symbol.asyncDispose]();
});

test("the relay reads no more of the outbox than it takes, however much waits", async () => {
  await transaction(pool, async (client) => {
    const { epoch } = await startEpoch(client, "oss-0");
    const { events, more } = await readOutbox(client, epoch, { after: 100n, limit: 256, bytes: 1_000 });
    expect(more).toBe(true);
    expect(events.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 256 }, (_, index) => BigInt(101 + index)),
    );
    const read = await client.query(
      "select seq_tup_read + idx_tup_fetch as rows from pg_stat_xact_user_tables where relname = 'outbox'",
    );
    expect(Number(read.rows[0]?.rows)).toBe(257);
  });
});

test("an outbox that has nothing is another thing than an epoch that is over", async () => {
  await transaction(pool, async (client) => {
    const { epoch } = await startEpoch(client, "oss-0");
    const end = { after: BigInt(WAITING), limit: 256, bytes: 1_000 };
    await expect(readOutbox(client, epoch, end)).resolves.toEqual({ events: [], more: false });
    await expect(readOutbox(client, epoch - 1n, { ...end, after: 0n })).rejects.toThrow(FencedError);
  });
});

test("the relay reads no more bytes than it may, but one event however large it is", async () => {
  await transaction(pool, async (client) => {
    const { epoch } = await startEpoch(client, "oss-0");
    const read = async (after: number, bytes: number): Promise<object> => {
      const { events, more } = await readOutbox(client, epoch, { after: BigInt(after), limit: 3, bytes });
      return { events: events.length, more };
    };
    expect(await read(100, 5)).toEqual({ events: 2, more: true });
    expect(await read(100, 1)).toEqual({ events: 1, more: true });
    expect(await read(WAITING - 3, 6)).toEqual({ events: 3, more: false });
    expect(await read(WAITING - 3, 5)).toEqual({ events: 2, more: true });
  });
});
