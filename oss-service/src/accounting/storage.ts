import { transaction } from "@aaa-cluster/service-kit";
import type pg from "pg";
import type { AccountingRecordPage, StoredRecord } from "../api/schemas.ts";
import type { Delivery } from "./batch.ts";

export interface Stored {
  /** Records that had not been there. */
  readonly stored: number;
  readonly quarantined: number;
}

/**
 * Stores deliveries in one transaction. A record that is there already changes nothing, unless it says something else
 * than the one that is there: then it is set aside, as is what could not be read.
 */
export async function storeDeliveries(pool: pg.Pool, deliveries: readonly Delivery[]): Promise<Stored> {
  const given = deliveries.flatMap((delivery) => (delivery.kind === "record" ? [delivery] : []));
  const poison = deliveries.flatMap((delivery) => (delivery.kind === "poison" ? [delivery] : []));
  const contents = given.map(({ record: { recordId: _, partition: __, ...content } }) => JSON.stringify(content));
  const ids = given.map(({ record }) => record.recordId);
  return transaction(pool, async (client) => {
    const inserted = await client.query({
      name: "store-accounting",
      // In one order for all replicas, which would else wait for each other in a circle.
      text: `
        insert into accounting (record_id, subscriber_id, device_id, partition, record)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[]) as g (record_id)
        order by record_id
        on conflict do nothing`,
      values: [
        ids,
        given.map(({ record }) => record.subscriberId),
        given.map(({ record }) => record.deviceId),
        given.map(({ record }) => record.partition),
        contents,
      ],
    });
    const setAside = await client.query({
      // Without a name, so that it is planned for the table as it is: a plan kept from when it was empty reads all of it.
      text: `
        insert into accounting_quarantine (reason, body)
        select 'another record was stored as ' || record_id, body
        from unnest($1::text[], $2::jsonb[], $3::bytea[]) as g (record_id, content, body)
        join accounting using (record_id)
        where record <> content
        union all
        select * from unnest($4::text[], $5::bytea[])
        on conflict do nothing`,
      values: [
        ids,
        contents,
        given.map(({ body }) => body),
        poison.map(({ reason }) => reason),
        poison.map(({ body }) => body),
      ],
    });
    return { stored: inserted.rowCount ?? 0, quarantined: setAside.rowCount ?? 0 };
  });
}

/**
 * Records that were stored last, first.
 * @param before the cursor of an earlier page, or null for the first page
 */
export async function readRecords(
  pool: pg.Pool,
  filter: { readonly subscriberId?: string; readonly deviceId?: string },
  before: string | null,
  limit: number,
): Promise<AccountingRecordPage> {
  const { rows } = await pool.query<{
    record_id: string;
    position: string;
    partition: string;
    record: Omit<StoredRecord, "recordId" | "partition" | "storedTime">;
    stored_at: Date;
  }>(
    `select record_id, position, partition, record, stored_at from accounting
     where ($1::text is null or subscriber_id = $1) and ($2::text is null or device_id = $2)
       and ($3::bigint is null or position < $3)
     order by position desc limit $4`,
    [filter.subscriberId ?? null, filter.deviceId ?? null, before, limit + 1],
  );
  const page = rows.slice(0, limit);
  return {
    records: page.map(({ record_id: recordId, partition, record, stored_at }) => ({
      recordId,
      partition,
      ...record,
      storedTime: stored_at.toISOString(),
    })),
    next: rows.length > limit ? (page.at(-1)?.position ?? null) : null,
  };
}
