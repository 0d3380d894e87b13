import type { Abortable } from "node:events";
import { pipeline } from "node:stream/promises";
import { isEntityWord } from "@aaa-cluster/contract";
import { digestOfTable, transaction } from "@aaa-cluster/service-kit";
import type pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import type { Watermark } from "./storage.ts";

/** What was loaded of a snapshot, to be compared with what OSS says. */
export interface Loaded {
  readonly entities: number;
  readonly digest: bigint;
}

/**
 * Puts a snapshot in the place of the live table and of the watermark, in one transaction: nobody sees anything of it
 * before, and when it fails nothing of it is left.
 * @param rows those of the contract, which the database reads by itself; they must end when the signal aborts
 * @param judge says to which watermark the snapshot belongs, or throws when it must not be taken
 */
export function replaceEntities(
  pool: pg.Pool,
  rows: (options?: Abortable) => AsyncIterable<Buffer>,
  judge: (loaded: Loaded) => Watermark,
): Promise<Watermark> {
  return transaction(pool, async (client) => {
    // It has no index yet: made of all rows at once they take a fraction of the time.
    await client.query("create table entities_next (like entities including all excluding indexes)");
    // Frozen, as nobody else can see the table: no later reader has to write the pages once more.
    const copy = "copy entities_next (entity, entity_id, version, payload) from stdin with (freeze)";
    await pipeline(rows, client.query(copyFrom(copy)));
    const watermark = judge(await inspect(client));
    await index(client);
    await swap(client, watermark);
    return watermark;
  });
}

/** Throws when a row is no entity of the contract, whichever it is of. */
async function inspect(client: pg.ClientBase): Promise<Loaded> {
  const { rows } = await client.query<{ entity: string; entities: string; are_valid: boolean }>(
    `select entity, count(*) as entities,
       bool_and(version >= 0 and coalesce(jsonb_typeof(payload) = 'object', false)) as are_valid
     from entities_next group by entity`,
  );
  for (const { entity, are_valid } of rows) {
    if (!isEntityWord(entity)) throw new Error(`the snapshot has ${JSON.stringify(entity)}, which no entity is called`);
    if (!are_valid) throw new Error(`the snapshot has a ${entity} that is not one`);
  }
  const { rows: digests } = await client.query<{ digest: string }>(
    `select ${digestOfTable("entities_next")} as digest`,
  );
  return {
    entities: rows.reduce((sum, { entities }) => sum + Number(entities), 0),
    digest: BigInt(digests[0]?.digest ?? 0),
  };
}

/** Gives the loaded snapshot the indexes of the live table. */
async function index(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `select 'alter table entities_next add ' || pg_get_constraintdef(oid) as statement
     from pg_constraint where conrelid = 'entities'::regclass and contype = 'p'
     union all
     select regexp_replace(pg_get_indexdef(indexrelid), 'INDEX .*? USING', 'INDEX ON entities_next USING')
     from pg_index where indrelid = 'entities'::regclass and not indisprimary`,
  );
  for (const { statement } of rows) await client.query(statement);
}

async function swap(client: pg.ClientBase, { place: { epoch, sequence }, digest }: Watermark): Promise<void> {
  await client.query("drop table entities");
  await client.query("alter table entities_next rename to entities");
  await client.query("update watermark set epoch = $1, sequence = $2, digest = $3", [epoch, sequence, digest]);
}
