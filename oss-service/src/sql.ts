import type { EntityName } from "@aaa-cluster/contract";
import type pg from "pg";
import { keyOf, NEVER_WRITTEN, type OutboxBody, type Reference, type Stored } from "./change.ts";

interface EntityRow {
  readonly entity: EntityName;
  readonly entity_id: string;
  readonly version: string;
  readonly payload: Record<string, unknown> | null;
}

// The statements look entities up one by one: a subquery with a limit or a lock is never turned around into a join that
// reads the table.
const columns = (references: readonly Reference[]): [string[], string[]] => [
  references.map(({ entity }) => entity),
  references.map(({ id }) => id),
];

/** Locks the entities in one order for all writers, making an empty row for each that is new. */
export async function lockEntities(
  client: pg.PoolClient,
  entities: readonly Reference[],
): Promise<Map<string, Stored>> {
  await client.query({
    name: "make-entities",
    text: `
      insert into entities (entity, entity_id, version)
      select entity, entity_id, 0 from unnest($1::text[], $2::text[]) as k (entity, entity_id)
      order by entity, entity_id
      on conflict do nothing`,
    values: columns(entities),
  });
  const { rows } = await client.query<EntityRow>({
    name: "lock-entities",
    text: `
      select e.* from (
        select * from unnest($1::text[], $2::text[]) as k (entity, entity_id) order by entity, entity_id
      ) k cross join lateral (
        select * from entities where entity = k.entity and entity_id = k.entity_id for update
      ) e`,
    values: columns(entities),
  });
  return new Map(rows.map((row) => [keyOf({ entity: row.entity, id: row.entity_id }), storedOf(row)]));
}

/**
 * Writes the new state of entities that are locked.
 * @returns what it changes the content digest by
 */
export async function updateEntities(client: pg.PoolClient, events: readonly OutboxBody[]): Promise<string> {
  const { rows } = await client.query<{ change: string }>({
    name: "update-entities",
    text: `
      with n as (
        select * from unnest($1::text[], $2::text[], $3::bigint[], $4::jsonb[]) as n (entity, entity_id, version, payload)
      ),
      updated as (
        -- All of them are there: this is an update that looks for them by key.
        insert into entities (entity, entity_id, version, payload) select * from n
        on conflict (entity, entity_id) do update set version = excluded.version, payload = excluded.payload
      )
      select coalesce(bit_xor(
        content_digest(e.entity, e.entity_id, e.version, e.payload) #
        content_digest(n.entity, n.entity_id, n.version, n.payload)), 0) as change
      from n cross join lateral (
        select * from entities where entity = n.entity and entity_id = n.entity_id limit 1
      ) e`,
    values: [
      events.map(({ entity }) => entity),
      events.map(({ entityId }) => entityId),
      events.map(({ entityVersion }) => entityVersion),
      events.map(({ payload }) => (payload === null ? null : JSON.stringify(payload))),
    ],
  });
  return rows[0]?.change ?? "0";
}

/** Which of the entities exist, as keys; they cannot be deleted before this transaction ends. */
export async function lockReferences(client: pg.PoolClient, references: readonly Reference[]): Promise<Set<string>> {
  if (references.length === 0) return new Set();
  const { rows } = await client.query<EntityRow>({
    name: "lock-references",
    text: `
      select e.* from (
        select * from unnest($1::text[], $2::text[]) as k (entity, entity_id) order by entity, entity_id
      ) k cross join lateral (
        select * from entities where entity = k.entity and entity_id = k.entity_id and payload is not null for share
      ) e`,
    values: columns(references),
  });
  return new Set(rows.map((row) => keyOf({ entity: row.entity, id: row.entity_id })));
}

/** Entities that still refer to the given ones. */
export async function findReferrers(
  client: pg.PoolClient,
  references: readonly Reference[],
): Promise<{ from: string; to: string }[]> {
  if (references.length === 0) return [];
  const { rows } = await client.query<{ from: string; to: string }>({
    name: "find-referrers",
    text: `
     select e.entity || '/' || e.entity_id as "from", k.entity || '/' || k.entity_id as "to"
     from unnest($1::text[], $2::text[]) as k (entity, entity_id)
     join lateral (
       select * from entities where k.entity = 'Subscriber' and payload ? 'subscriberId'
         and payload ->> 'subscriberId' = k.entity_id
       union all
       select * from entities where k.entity = 'ProductOffering' and payload ? 'productOfferingId'
         and payload ->> 'productOfferingId' = k.entity_id
     ) e on true
     limit 100`,
    values: columns(references),
  });
  return rows;
}

/**
 * Gives the events their sequence numbers and puts them into the outbox. Nothing but keeping the answer may come between
 * it and commit: it locks the stream for all other writers, which is what makes commit order the order of the numbers.
 * @param digestChange what the events change the content digest by
 * @returns the last number given
 */
export async function appendToStream(
  client: pg.PoolClient,
  events: readonly OutboxBody[],
  digestChange: string,
): Promise<string> {
  const { rows } = await client.query<{ sequence: string }>({
    name: "append-to-stream",
    text: `
     with numbered as (update stream set sequence = sequence + $1::int, digest = digest # $3 returning sequence),
     stored as (
       insert into outbox (sequence, body)
       select numbered.sequence - $1::int + ordinality, body
       from numbered, unnest($2::json[]) with ordinality as e (body, ordinality)
     )
     select sequence, pg_notify('outbox', '') from numbered`,
    values: [events.length, events.map((event) => JSON.stringify(event)), digestChange],
  });
  return rows[0]?.sequence ?? "0";
}

export async function readEntity(pool: pg.Pool, { entity, id }: Reference): Promise<Stored> {
  const { rows } = await pool.query<EntityRow>("select * from entities where entity = $1 and entity_id = $2", [
    entity,
    id,
  ]);
  return rows[0] === undefined ? NEVER_WRITTEN : storedOf(rows[0]);
}

export interface StreamState {
  readonly epoch: string;
  readonly sequence: string;
  readonly published: string;
  readonly relay: string;
}

/** Where the stream is: the last sequence number given, and how far and by whom it is published. */
export async function readStream(pool: pg.Pool): Promise<StreamState> {
  const { rows } = await pool.query<StreamState>(
    "select epoch, sequence, published, instance as relay from stream, relay",
  );
  const [state] = rows;
  if (state === undefined) throw new Error("the stream and relay tables have lost their row");
  return state;
}

const storedOf = ({ version, payload }: EntityRow): Stored => ({ version: BigInt(version), payload });
