import type { AccountingRecord } from "@aaa-cluster/contract";
import type pg from "pg";

/** What became of a record: it is new, it was accepted before, or another one was accepted under its id. */
export type Acceptance = "new" | "same" | "other";

/** Commits a record. However often and from wherever at once it comes, it is stored once. */
export async function acceptRecord(pool: pg.Pool, record: AccountingRecord): Promise<Acceptance> {
  const { rows } = await pool.query<{ is_new: boolean; is_same: boolean }>({
    name: "accept-record",
    // The update changes nothing. It waits for whoever writes the same id now, and shows the row that is there.
    text: `
      insert into accounting (record_id, record) values ($1, $2)
      on conflict (record_id) do update set record_id = excluded.record_id
      returning xmax = 0 as is_new, record = $2 as is_same`,
    values: [record.recordId, JSON.stringify(record)],
  });
  if (rows[0]?.is_new === true) return "new";
  return rows[0]?.is_same === true ? "same" : "other";
}

/** The oldest records that the broker has not confirmed, without those that are under way. */
export async function readUndelivered(
  pool: pg.Pool,
  underWay: readonly string[],
  limit: number,
): Promise<AccountingRecord[]> {
  // Without a name, as below, so that it is planned for the table as it is: a plan kept from when it was small reads all.
  const { rows } = await pool.query<{ record: AccountingRecord }>(
    `select record from accounting where delivered_at is null and record_id <> all($1::text[])
     order by accepted_at limit $2`,
    [underWay, limit],
  );
  return rows.map(({ record }) => record);
}

export async function markDelivered(pool: pg.Pool, recordIds: readonly string[]): Promise<void> {
  await pool.query("update accounting set delivered_at = now() where record_id = any($1::text[])", [recordIds]);
}

/** Forgets records that were delivered more than a day ago. OSS goes on knowing their ids. */
export async function pruneDelivered(pool: pg.Pool): Promise<void> {
  await pool.query("delete from accounting where delivered_at < now() - interval '1 day'");
}

/** How many records the broker has not confirmed. */
export async function countUndelivered(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    "select count(*)::int as count from accounting where delivered_at is null",
  );
  return rows[0]?.count ?? 0;
}
