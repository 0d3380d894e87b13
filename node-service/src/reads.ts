import type { Device, Subscriber } from "@aaa-cluster/contract";
import type pg from "pg";
import { deviceOf, type Keys, type Reading, type Row, subscriberOf } from "./read-model/content.ts";
import type { Known } from "./read-model/read-model.ts";

/** What is known of a subscriber and of one device; null for what does not exist. */
export interface Account {
  readonly subscriber: Subscriber | null;
  readonly device: Device | null;
}

type ReadingRow = { readonly epoch: string; readonly sequence: string } & (Row | Readonly<Record<keyof Row, null>>);

/** Reads every row that the keys stand for, and the watermark as it was then. The sessions of the pool must be `BY_KEY`. */
export async function readPieces(pool: pg.Pool, { accounts, devices, offerings }: Keys): Promise<Reading> {
  const { rows } = await pool.query<ReadingRow>({
    name: "read-pieces",
    // One statement sees everything as of one moment.
    text: `
      select epoch, sequence, entity, entity_id as id, payload
      from watermark left join (
        select entity, entity_id, payload from entities
        where entity = 'Subscriber' and entity_id = any ($1) and payload is not null
        union all
        select entity, entity_id, payload from entities
        where entity = 'Entitlement' and payload ->> 'subscriberId' = any ($1) and payload is not null
        union all
        select entity, entity_id, payload from entities
        where entity = 'Device' and entity_id = any ($2) and payload is not null
        union all
        select entity, entity_id, payload from entities
        where entity = 'ProductOffering' and entity_id = any ($3) and payload is not null
      ) asked_for on true`,
    values: [[...accounts], [...devices], [...offerings]],
  });
  const [first] = rows;
  if (first === undefined) throw new Error("the watermark table has lost its row");
  const place = { epoch: BigInt(first.epoch), sequence: BigInt(first.sequence) };
  return { place, rows: rows.filter((row) => row.entity !== null) };
}

/** The question what is known of a subscriber and of one device. */
export const accountOf =
  (subscriberId: string, deviceId: string) =>
  (known: Known): Account | undefined => {
    const account = known.account(subscriberId);
    const device = known.device(deviceId);
    if (account === undefined || device === undefined) return undefined;
    return { subscriber: subscriberOf(account), device: deviceOf(device) };
  };

/** The version of the database server. Rejects when the database cannot be used. */
export async function readDatabaseVersion(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ version: string }>("select current_setting('server_version') as version");
  return rows[0]?.version ?? "";
}
