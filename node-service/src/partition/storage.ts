import { digestOfTable } from "@aaa-cluster/service-kit";
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

/** How far the database is, and the content digest of what this node has written there. */
export interface Watermark {
  readonly place: Place;
  readonly digest: bigint;
}

export async function readWatermark(pool: pg.Pool): Promise<Watermark> {
  const { rows } = await pool.query<Record<"epoch" | "sequence" | "digest", string>>(
    "select epoch, sequence, digest from watermark",
  );
  const [row] = rows;
  if (row === undefined) throw new Error("the watermark table has lost its row");
  const { epoch, sequence, digest } = row;
  return { place: { epoch: BigInt(epoch), sequence: BigInt(sequence) }, digest: BigInt(digest) };
}

/** Whether the entities are as this node has written them. */
export async function isContentOurs(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ ours: boolean }>(
    `select digest = ${digestOfTable("entities")} as ours from watermark`,
  );
  return rows[0]?.ours === true;
}

/** What is read of an event, in the order of the table's columns. */
const COLUMNS = '"entity" text, "entityId" text, "entityVersion" bigint, "payload" jsonb';

/**
 * Commits a plan: upserts guarded by version, quarantine and watermark in one statement. Running it again after it
 * was committed changes nothing. The sessions of the pool must be `BY_KEY`. Throws ForeignWriteError when the watermark is neither before nor after the plan.
 * @returns the content digest after it
 */
export async function commitPlan(pool: pg.Pool, { from, to, upserts, poison }: Plan): Promise<bigint> {
  const { rows } = await pool.query<{ digest: string }>({
    name: "commit-plan",
    text: `
      with mine as (select from watermark where epoch = $1 and sequence = $2 for update),
      upserted as (
        insert into entities (entity, entity_id, version, payload)
        select e.* from mine, jsonb_to_recordset($5) as e (${COLUMNS})
        on conflict (entity, entity_id) do update set version = excluded.version, payload = excluded.payload
        where excluded.version > entities.version
        returning *
      ),
      changed as (
        -- The old rows: every part of a statement sees the tables as they were before it.
        select bit_xor(
          content_digest(new.entity, new.entity_id, new.version, new.payload) #
          coalesce(content_digest(old.entity, old.entity_id, old.version, old.payload), 0)) as digest
        from upserted new left join lateral (
          select * from entities e where e.entity = new.entity and e.entity_id = new.entity_id limit 1
        ) old on true
      ),
      set_aside as (
        insert into quarantine (reason, body) select p.* from mine, unnest($6::text[], $7::bytea[]) as p
      )
      update watermark set epoch = $3, sequence = $4, digest = watermark.digest # coalesce(changed.digest, 0)
      from mine, changed
      returning watermark.digest`,
    values: [
      from.epoch,
      from.sequence,
      to.epoch,
      to.sequence,
      JSON.stringify(upserts),
      poison.map(({ reason }) => reason),
      poison.map(({ body }) => body),
    ],
  });
  const [row] = rows;
  return row === undefined ? checkWatermark(pool, to) : BigInt(row.digest);
}

/**
 * Throws ForeignWriteError unless the watermark in the database is at the given place.
 * @returns the content digest there
 */
export async function checkWatermark(pool: pg.Pool, mine: Place): Promise<bigint> {
  const { place, digest } = await readWatermark(pool);
  if (place.epoch !== mine.epoch || place.sequence !== mine.sequence) throw new ForeignWriteError();
  return digest;
}
