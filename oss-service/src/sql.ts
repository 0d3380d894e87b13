import type { EntityName } from "@aaa-cluster/contract";
import { sqlState } from "@aaa-cluster/service-kit";
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

/** The entities that were ever written, by key, as they are now; anybody may change them. */
export async function readEntities(pool: pg.Pool, entities: readonly Reference[]): Promise<Map<string, Stored>> {
  const { rows } = await pool.query<EntityRow>({
    name: "read-entities",
    text: `
      select e.* from unnest($1::text[], $2::text[]) as k (entity, entity_id) cross join lateral (
        select * from entities where entity = k.entity and entity_id = k.entity_id limit 1
      ) e`,
    values: columns(entities),
  });
  return byKey(rows);
}

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
  return byKey(rows);
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

/** Somebody else has changed an entity since it was read, or has deleted one that is referred to. */
export class ChangedMeanwhileError extends Error {
  constructor(options?: ErrorOptions) {
    super("an entity, or one that it refers to, was changed in the meantime", options);
    this.name = "ChangedMeanwhileError";
  }
}

/**
 * Writes the new states, gives the events their sequence numbers and puts them into the outbox, all in one statement: by
 * itself it is a whole transaction. In a longer one, nothing but what must may come between it and commit: it locks the
 * stream for all other writers, which is what makes commit order the order of the numbers.
 * @param references what must exist, and does not come with the events
 * @returns the last number given
 * @throws ChangedMeanwhileError when an entity is not at the version before its event's, or a reference does not exist
 */
export async function appendToStream(
  client: pg.ClientBase | pg.Pool,
  events: readonly OutboxBody[],
  references: readonly Reference[],
): Promise<string> {
  try {
    const { rows } = await client.query<{ sequence: string }>({
      name: "append-to-stream",
      text: APPEND_TO_STREAM,
      values: [
        events.map(({ entity }) => entity),
        events.map(({ entityId }) => entityId),
        events.map(({ entityVersion }) => entityVersion),
        events.map(({ payload }) => (payload === null ? null : JSON.stringify(payload))),
        events.map((event) => JSON.stringify(event)),
        ...columns(references),
      ],
    });
    return rows[0]?.sequence ?? "0";
  } catch (error) {
    const { table, column } = Object(error);
    if (sqlState(error) !== NOT_NULL_VIOLATION || table !== "stream" || column !== "sequence") throw error;
    throw new ChangedMeanwhileError({ cause: error });
  }
}

const NOT_NULL_VIOLATION = "23502";

const APPEND_TO_STREAM = `
  with n as (
    select * from unnest($1::text[], $2::text[], $3::bigint[], $4::jsonb[], $5::json[]) with ordinality
      as n (entity, entity_id, version, payload, body, place)
  ),
  written as (
    insert into entities (entity, entity_id, version, payload)
    select entity, entity_id, version, payload from n order by entity, entity_id
    on conflict (entity, entity_id) do update set version = excluded.version, payload = excluded.payload
    where entities.version = excluded.version - 1
    returning 1
  ),
  referenced as (
    select from (
      select * from unnest($6::text[], $7::text[]) as k (entity, entity_id) order by entity, entity_id
    ) k cross join lateral (
      select from entities where entity = k.entity and entity_id = k.entity_id and payload is not null for share
    ) e
  ),
  changed as (
    -- The old rows: every part of a statement sees the tables as they were before it.
    select bit_xor(
      content_digest(n.entity, n.entity_id, n.version, n.payload) #
      coalesce(content_digest(e.entity, e.entity_id, e.version, e.payload), 0)) as digest
    from n left join lateral (
      select * from entities where entity = n.entity and entity_id = n.entity_id limit 1
    ) e on true
  ),
  numbered as (
    -- The stream has a sequence: where something is not as expected, all of the statement is undone. Its lock comes last,
    -- as it needs the counts.
    update stream set
      sequence = case when w.count = cardinality($1) and r.count = cardinality($6) then sequence + w.count end,
      digest = stream.digest # changed.digest
    from changed, (select count(*) from written) w, (select count(*) from referenced) r
    returning sequence
  ),
  stored as (
    insert into outbox (sequence, body)
    select numbered.sequence - cardinality($1) + place, body from numbered, n
  )
  select sequence, pg_notify('outbox', '') from numbered`;

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

const byKey = (rows: readonly EntityRow[]): Map<string, Stored> =>
  new Map(rows.map((row) => [keyOf({ entity: row.entity, id: row.entity_id }), storedOf(row)]));

const storedOf = ({ version, payload }: EntityRow): Stored => ({ version: BigInt(version), payload });
