import { digestOfTable } from "@aaa-cluster/service-kit";
import pg from "pg";

/**
 * Fills the empty database of an OSS with so many entities as an operator has: one subscriber in three, with a device and
 * an entitlement each, and one offering.
 */
export async function fillOss(url: string, entities: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(FILL, [Math.floor((entities - 1) / 3), (entities - 1) % 3]);
    await client.query(`update stream set digest = ${digestOfTable("entities")}`);
    // So that no one has to wait for autovacuum, which would come in the middle.
    await client.query("vacuum analyze entities");
  } finally {
    await client.end();
  }
}

const FILL = `
  insert into entities (entity, entity_id, version, payload)
  select 'ProductOffering', 'basic', 1, '{"name": "Basic", "services": ["channel:news-1"]}'::jsonb
  union all
  select e.* from generate_series(1, $1::int) as s, lateral (values
    ('Subscriber', 'subscriber-' || s, 1, jsonb_build_object('status', 'active', 'credential', jsonb_build_object(
      'scheme', 'SCRAM-SHA-256', 'iterations', 4096, 'salt', encode(substring(sha256(('salt' || s)::bytea) for 16), 'base64'),
      'storedKey', encode(sha256(('stored' || s)::bytea), 'base64'),
      'serverKey', encode(sha256(('server' || s)::bytea), 'base64')))),
    ('Device', 'box-' || s, 1, jsonb_build_object('subscriberId', 'subscriber-' || s, 'status', 'active',
      'macAddress', regexp_replace(lpad(to_hex(s), 12, '0'), '(..)(?=.)', '\\1:', 'g'))),
    ('Entitlement', 'entitlement-' || s, 1, jsonb_build_object('subscriberId', 'subscriber-' || s,
      'productOfferingId', 'basic', 'validFrom', '2026-01-31T00:00:00.000Z', 'status', 'active'))
  ) as e
  union all
  select 'ProductOffering', 'other-' || s, 1, '{"name": "Other", "services": []}'::jsonb from generate_series(1, $2::int) as s`;
