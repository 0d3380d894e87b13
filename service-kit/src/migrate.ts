import { readdir, readFile } from "node:fs/promises";
import type pg from "pg";
import { CONTENT_DIGEST_FUNCTION } from "./content/digest.ts";
import { transaction } from "./database.ts";
import type { Logger } from "./log.ts";

// Any number will do, as long as every replica takes the same one.
const MIGRATION_LOCK = 4_611_001;

/**
 * Brings the database up to date: runs the numbered .sql files of a folder that have not run yet, in one transaction.
 * They may use `content_digest`.
 */
export async function migrate(pool: pg.Pool, folder: URL, log: Logger): Promise<void> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".sql")).sort();
  await transaction(pool, async (client) => {
    await client.query("select pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
    await client.query(
      "create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())",
    );
    await client.query(CONTENT_DIGEST_FUNCTION);
    const { rows } = await client.query<{ name: string }>("select name from migrations");
    const applied = new Set(rows.map(({ name }) => name));
    for (const file of files.filter((name) => !applied.has(name))) {
      log.info({ migration: file }, "migrating");
      await client.query(await readFile(new URL(file, folder), "utf8"));
      await client.query("insert into migrations (name) values ($1)", [file]);
    }
  });
}
