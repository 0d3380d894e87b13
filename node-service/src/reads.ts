import type { Device, Entitlement, Subscriber } from "@aaa-cluster/contract";
import type pg from "pg";

/** What is known of a subscriber and of one device; null for what does not exist. */
export interface Account {
  readonly subscriber: Subscriber | null;
  readonly device: Device | null;
}

export async function readAccount(pool: pg.Pool, subscriberId: string, deviceId: string): Promise<Account> {
  const { rows } = await pool.query<{ entity: string; payload: Subscriber | Device }>({
    name: "read-account",
    text: `
      select entity, payload from entities
      where payload is not null
        and (entity = 'Subscriber' and entity_id = $1 or entity = 'Device' and entity_id = $2)`,
    values: [subscriberId, deviceId],
  });
  const find = (name: string): unknown => rows.find(({ entity }) => entity === name)?.payload ?? null;
  return { subscriber: find("Subscriber") as Subscriber | null, device: find("Device") as Device | null };
}

export interface HeldEntitlement extends Entitlement {
  readonly id: string;
}

/** The subscriber's entitlements to offerings that contain a service, whatever their state. */
export async function readEntitlements(
  pool: pg.Pool,
  subscriberId: string,
  service: string,
): Promise<HeldEntitlement[]> {
  const { rows } = await pool.query<{ id: string; payload: Entitlement }>({
    name: "read-entitlements",
    text: `
      select e.entity_id as id, e.payload
      from entities e
      join entities o on o.entity = 'ProductOffering' and o.entity_id = e.payload ->> 'productOfferingId'
      where e.entity = 'Entitlement' and e.payload is not null and e.payload ->> 'subscriberId' = $1
        and o.payload -> 'services' ? $2
      order by e.entity_id`,
    values: [subscriberId, service],
  });
  return rows.map(({ id, payload }) => ({ ...payload, id }));
}

/** The version of the database server. Rejects when the database cannot be used. */
export async function readDatabaseVersion(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ version: string }>("select current_setting('server_version') as version");
  return rows[0]?.version ?? "";
}
