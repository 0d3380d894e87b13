import type { AccountingRecord } from "@aaa-cluster/contract";
import type pg from "pg";

/**
 * Commits records, each with an id of its own, in one statement, with one flush of the disk. However often and from wherever
 * at once a record comes, it is stored once. Rejects with none of them stored when the database refuses one.
 * @param timeoutMs how long the database may take until the session is given up, without knowing what became of them
 * @returns the records of which another or the same was there before under its id, as it was there
 */
export async function storeRecords(
  pool: pg.Pool,
  records: readonly AccountingRecord[],
  timeoutMs: number,
): Promise<ReadonlyMap<string, AccountingRecord>> {
  const statement: pg.QueryConfig & { query_timeout: number } = {
    query_timeout: timeoutMs,
    name: "store-records",
    // The update changes nothing. It waits for whoever writes the same id now, and shows the row that is there.
    text: `
      with stored as (
        insert into accounting (record_id, record)
        select record_id, record
        from rows from (unnest($1::text[]), jsonb_array_elements($2::jsonb)) as given (record_id, record)
        on conflict (record_id) do update set record_id = excluded.record_id
        returning record_id, record, xmax = 0 as is_new
      )
      select record_id, record from stored where not is_new`,
    // One text for all: an array of texts would be quoted here and read there, each by itself.
    values: [records.map(({ recordId }) => recordId), JSON.stringify(records)],
  };
  const { rows } = await pool.query<{ record_id: string; record: AccountingRecord }>(statement);
  return new Map(rows.map(({ record_id, record }) => [record_id, record]));
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
