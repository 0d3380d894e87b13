import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import type pg from "pg";
import { makeCertificate } from "../../test/services/certificate.ts";
import { type FreshDatabase, freshDatabase } from "../../test/services/fresh.ts";
import { libpqEnv, query, WITH_PASSWORD } from "../../test/services/postgresql.ts";
import { sharedPostgresql } from "../../test/services/shared.ts";
import { createLog, createPool, databaseSettings, type Env, isDatabaseAway, transaction } from "./index.ts";

const { host, port, ca = "" } = sharedPostgresql();
const log = createLog("silent");
const folder = await mkdtemp(join(tmpdir(), "aaa-database-"));
const PGSSLROOTCERT = join(folder, "ca.crt");
const pools: pg.Pool[] = [];
let database: FreshDatabase;

beforeAll(async () => {
  database = await freshDatabase();
});
afterEach(() => writeFile(PGSSLROOTCERT, ca));
afterAll(async () => {
  for (const pool of pools) await pool.end();
  await database[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function poolWith(env: Env): Promise<pg.Pool> {
  const pool = await createPool(databaseSettings({ ...libpqEnv(database.url), ...env }), 1, log);
  pools.push(pool);
  return pool;
}

/** Whether a new connection of a pool is encrypted; the connection is not kept. */
async function isEncrypted(pool: pg.Pool): Promise<boolean> {
  const client = await pool.connect();
  const { rows } = await client.query("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
  client.release(true);
  return rows[0].ssl;
}

test.each([
  [undefined, host, false],
  ["require", host, true],
  ["verify-ca", host, true],
  ["verify-full", "localhost", true],
] as const)("with PGSSLMODE %s a connection to %s is encrypted: %s", async (PGSSLMODE, PGHOST, encrypted) => {
  await writeFile(PGSSLROOTCERT, ca);
  expect(await isEncrypted(await poolWith({ PGSSLMODE, PGHOST, PGSSLROOTCERT }))).toBe(encrypted);
});

test("verify-full refuses a certificate for another name", async () => {
  await writeFile(PGSSLROOTCERT, ca);
  const pool = await poolWith({ PGSSLMODE: "verify-full", PGHOST: host, PGSSLROOTCERT });
  await expect(isEncrypted(pool)).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
});

test("a certificate of a strange CA is refused until the file of the CA changes, also when that file was gone", async () => {
  await writeFile(PGSSLROOTCERT, (await makeCertificate("localhost")).ca);
  const pool = await poolWith({ PGSSLMODE: "verify-full", PGHOST: "localhost", PGSSLROOTCERT });
  await expect(isEncrypted(pool)).rejects.toThrow("certificate");
  await rm(PGSSLROOTCERT);
  await expect(isEncrypted(pool)).rejects.toThrow("certificate");
  await writeFile(PGSSLROOTCERT, ca);
  expect(await isEncrypted(pool)).toBe(true);
});

test("a changed password is taken from its file by the next connection", async () => {
  const [PGUSER, passwordFile] = [`${WITH_PASSWORD}${database.name}`, join(folder, "password")];
  const changeTo = (password: string): Promise<void> => query(port, `alter role ${PGUSER} password '${password}'`);
  await query(port, `create role ${PGUSER} login password 'p@ss/w:rd %41'`);
  try {
    await writeFile(passwordFile, "p@ss/w:rd %41\n");
    const pool = await poolWith({ PGUSER, DATABASE_PASSWORD_FILE: passwordFile });
    expect(await isEncrypted(pool)).toBe(false);
    await changeTo("second");
    const refusal: unknown = await isEncrypted(pool).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "28P01" });
    expect(isDatabaseAway(refusal)).toBe(true);
    await writeFile(passwordFile, "second");
    expect(await isEncrypted(pool)).toBe(false);
  } finally {
    await query(port, `drop role ${PGUSER}`);
  }
});

test("a connection that is lost inside a transaction fails that transaction and nothing else", async () => {
  const pool = await poolWith({});
  const killed = transaction(pool, async (client) => {
    const { rows } = await client.query("select pg_backend_pid() as pid");
    const gone = new Promise((resolve) => client.once("end", resolve));
    await query(port, `select pg_terminate_backend(${rows[0].pid})`);
    await gone;
    await client.query("select 1");
  });
  expect(isDatabaseAway(await killed.catch((error: unknown) => error))).toBe(true);
  await expect(transaction(pool, (client) => client.query("select 1 as one"))).resolves.toMatchObject({ rowCount: 1 });
});
