import type { WrittenEvent } from "@aaa-cluster/contract";
import type pg from "pg";

// Any number will do, as long as every replica takes the same one.
const RELAY_LOCK = 4_611_002;
const KEPT_AFTER_PUBLICATION = 10_000;

export interface Epoch {
  readonly epoch: bigint;
  readonly originEpoch: bigint;
  /** Up to here the broker has confirmed everything. */
  readonly published: bigint;
  /** The last sequence number given. */
  readonly head: bigint;
}

/** The last sequence number given, and the content digest there. */
export interface Head {
  readonly sequence: bigint;
  readonly digest: bigint;
}

/** This relay's epoch is over: another one has taken its place. */
export class FencedError extends Error {
  constructor() {
    super("another relay has started a newer epoch");
    this.name = "FencedError";
  }
}

/** Tries to become the one relay. The lock is held until the client's connection ends. */
export async function tryRelayLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ won: boolean }>("select pg_try_advisory_lock($1) as won", [RELAY_LOCK]);
  return rows[0]?.won === true;
}

/**
 * Starts a new epoch, after which no statement of an older relay has an effect. The history goes on unless the database
 * is not the one that wrote it: a restored one has another system identifier or timeline, and its numbers may stand for
 * other changes than the ones the nodes have seen.
 */
export async function startEpoch(client: pg.ClientBase, instance: string): Promise<Epoch> {
  const { rows } = await client.query<Record<"epoch" | "origin_epoch" | "published" | "head", string>>(
    `with here as (
       select system_identifier || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as lineage,
              greatest(epoch + 1, floor(extract(epoch from clock_timestamp()) * 1000)::bigint) as next_epoch
       from pg_control_system(), relay
     )
     update relay set
       epoch = next_epoch,
       origin_epoch = case when relay.lineage = here.lineage then origin_epoch else next_epoch end,
       lineage = here.lineage,
       instance = $1
     from here
     returning epoch, origin_epoch, published, (select sequence from stream) as head`,
    [instance],
  );
  const [row] = rows;
  if (row === undefined) throw new Error("the relay table has lost its row");
  return {
    epoch: BigInt(row.epoch),
    originEpoch: BigInt(row.origin_epoch),
    published: BigInt(row.published),
    head: BigInt(row.head),
  };
}

export interface OutboxPart {
  readonly events: readonly WrittenEvent[];
  /** Whether there are more than these. */
  readonly more: boolean;
}

/**
 * The next events after a sequence number, in order: at most `limit`, and no more than `bytes` of them if there are more
 * than one. Throws FencedError.
 */
export async function readOutbox(
  client: pg.ClientBase,
  epoch: bigint,
  { after, limit, bytes }: { readonly after: bigint; readonly limit: number; readonly bytes: number },
): Promise<OutboxPart> {
  const { rows } = await client.query<{ sequence: string | null; body: string; waiting: string }>({
    name: "read-outbox",
    text: `
     select o.sequence, o.body, o.waiting
     from relay left join lateral (
       select sequence, body, count(*) over () as waiting, row_number() over in_order as number,
         sum(octet_length(body)) over in_order as size
       from (
         -- Sorted and cut off in here, it is read by the primary key; outside, all that wait would be read each time.
         select sequence, body::text from outbox where sequence > $2 order by sequence limit $3::int + 1
       ) o
       window in_order as (order by sequence rows unbounded preceding)
     ) o on o.number <= $3 and (o.number = 1 or o.size <= $4)
     where epoch = $1
     order by o.sequence`,
    values: [epoch, after, limit, bytes],
  });
  // An empty outbox still gives one row of nulls; no row at all means that the epoch is over.
  if (rows.length === 0) throw new FencedError();
  const events = rows.flatMap(({ sequence, body }) =>
    sequence === null ? [] : [{ sequence: BigInt(sequence), body }],
  );
  return { events, more: Number(rows[0]?.waiting ?? 0) > events.length };
}

/** Remembers how far the broker has confirmed everything. Throws FencedError. */
export async function recordPublished(client: pg.Pool, epoch: bigint, published: bigint): Promise<void> {
  const { rowCount } = await client.query("update relay set published = $2 where epoch = $1", [epoch, published]);
  if (rowCount === 0) throw new FencedError();
}

/** Deletes events that were published long ago. */
export async function pruneOutbox(client: pg.Pool, epoch: bigint): Promise<void> {
  await client.query("delete from outbox where sequence <= (select published - $2 from relay where epoch = $1)", [
    epoch,
    KEPT_AFTER_PUBLICATION,
  ]);
}

/** Where the stream is now. Throws FencedError. */
export async function readHead(client: pg.ClientBase, epoch: bigint): Promise<Head> {
  const { rows } = await client.query<{ sequence: string; digest: string }>(
    "select sequence, digest from stream, relay where epoch = $1",
    [epoch],
  );
  if (rows[0] === undefined) throw new FencedError();
  return { sequence: BigInt(rows[0].sequence), digest: BigInt(rows[0].digest) };
}
