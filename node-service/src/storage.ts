import type { SnapshotEntity } from "@aaa-cluster/contract";
import { sqlState, transaction } from "@aaa-cluster/service-kit";
import type pg from "pg";
import type { Plan } from "./batch.ts";
import type { Place } from "./watermark.ts";

/** The database is not as this process left it: it was restored, emptied, or written by someone else. */
export class ForeignWriteError extends Error {
  constructor() {
    super("the watermark in the database is not the one this node wrote last");
    this.name = "ForeignWriteError";
  }
}

export async function readWatermark(pool: pg.Pool): Promise<Place> {
  const { rows } = await pool.query<{ epoch: string; sequence: string }>("select epoch, sequence from watermark");
  const [row] = rows;
  if (row === undefined) throw new Error("the watermark table has lost its row");
  return { epoch: BigInt(row.epoch), sequence: BigInt(row.sequence) };
}

/**
 * Commits a plan: upserts guarded by version, quarantine and watermark in one statement. Running it again after it
 * was committed changes nothing. Throws ForeignWriteError when the watermark is neither before nor after the plan.
 */
export async function commitPlan(pool: pg.Pool, { from, to, upserts, poison }: Plan): Promise<void> {
  const { rowCount } = await pool.query({
    name: "commit-plan",
    text: `
      with mine as (select from watermark where epoch = $1 and sequence = $2 for update),
      upserted as (
        insert into entities (entity, entity_id, version, payload)
        select e.* from mine, unnest($5::text[], $6::text[], $7::bigint[], $8::jsonb[]) as e
        on conflict (entity, entity_id) do update set version = excluded.version, payload = excluded.payload
        where excluded.version > entities.version
      ),
      set_aside as (
        insert into quarantine (reason, body) select p.* from mine, unnest($9::text[], $10::bytea[]) as p
      )
      update watermark set epoch = $3, sequence = $4 from mine`,
    values: [
      from.epoch,
      from.sequence,
      to.epoch,
      to.sequence,
      upserts.map(({ entity }) => entity),
      upserts.map(({ entityId }) => entityId),
      upserts.map(({ entityVersion }) => entityVersion),
      upserts.map(({ payload }) => (payload === null ? null : JSON.stringify(payload))),
      poison.map(({ reason }) => reason),
      poison.map(({ body }) => body),
    ],
  });
  if (rowCount !== 1) await checkWatermark(pool, to);
}

/** Throws ForeignWriteError unless the watermark in the database is the given one. */
export async function checkWatermark(pool: pg.Pool, mine: Place): Promise<void> {
  const found = await readWatermark(pool);
  if (found.epoch !== mine.epoch || found.sequence !== mine.sequence) throw new ForeignWriteError();
}

/** Makes an empty table beside the live one, for a snapshot. */
export async function prepareSnapshot(pool: pg.Pool): Promise<void> {
  await pool.query("drop table if exists entities_next");
  await pool.query("create table entities_next (like entities including all)");
}

export async function loadSnapshot(pool: pg.Pool, entities: readonly SnapshotEntity[]): Promise<void> {
  await pool.query(
    `insert into entities_next (entity, entity_id, version, payload)
     select * from unnest($1::text[], $2::text[], $3::bigint[], $4::jsonb[])`,
    [
      entities.map(({ entity }) => entity),
      entities.map(({ entityId }) => entityId),
      entities.map(({ entityVersion }) => entityVersion),
      entities.map(({ payload }) => JSON.stringify(payload)),
    ],
  );
}

/** Puts the loaded snapshot in the place of the live table, together with its place in the stream. */
export async function swapSnapshot(pool: pg.Pool, at: Place): Promise<void> {
  await transaction(pool, async (client) => {
    await client.query("drop table entities");
    await client.query("alter table entities_next rename to entities");
    await client.query("update watermark set epoch = $1, sequence = $2", [at.epoch, at.sequence]);
  });
}

/** Whether the database refused a value, so that trying again cannot help. */
export function isDataError(error: unknown): boolean {
  return /^(22|23)/.test(sqlState(error) ?? "");
}
