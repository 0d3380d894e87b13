import { randomUUID } from "node:crypto";
import type { EntityName } from "@aaa-cluster/contract";
import { Problem, sqlState, transaction } from "@aaa-cluster/service-kit";
import type pg from "pg";
import {
  type Change,
  eventOf,
  inBroadcastOrder,
  keyOf,
  type OutboxBody,
  type Reference,
  referencesOf,
  type Stored,
} from "./change.ts";
import * as sql from "./sql.ts";

const DEADLOCK_DETECTED = "40P01";
const ATTEMPTS = 5;

export interface Written {
  readonly events: readonly OutboxBody[];
  /** The sequence number of the last event. */
  readonly sequence: string;
}

/**
 * Commits changes with their events, all or nothing. No entity may be named twice. Once this resolves, every node will
 * get the changes, whatever happens next.
 */
export async function write(pool: pg.Pool, changes: readonly Change[], now: Date): Promise<Written> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction(pool, (client) => writeIn(client, changes, now));
    } catch (error) {
      if (sqlState(error) !== DEADLOCK_DETECTED || attempt === ATTEMPTS) throw error;
    }
  }
}

async function writeIn(client: pg.PoolClient, changes: readonly Change[], now: Date): Promise<Written> {
  const before = await sql.lockEntities(client, changes);
  const ordered = inBroadcastOrder(changes);
  const events = ordered.map((change) => eventOf(change, storedOf(before, change), randomUUID(), now));
  refuseUnless(
    ordered.filter((change) => change.payload === null && storedOf(before, change).payload === null),
    (change) => new Problem(404, "no-such-entity", `there is no ${keyOf(change)}`),
  );
  refuseUnless(
    events.filter(({ entity, payload }) => entity === "Subscriber" && payload !== null && !("credential" in payload)),
    ({ entityId }) => new Problem(422, "password-missing", `/password: give one, Subscriber/${entityId} is new`),
  );
  const digestChange = await sql.updateEntities(client, events);
  await checkReferences(client, changes);
  const sequence = await sql.appendToStream(client, events, digestChange);
  return { events, sequence };
}

async function checkReferences(client: pg.PoolClient, changes: readonly Change[]): Promise<void> {
  const references = referencesOf(changes);
  const found = await sql.lockReferences(client, references);
  refuseUnless(
    references.filter((reference) => !found.has(keyOf(reference))),
    (missing) => new Problem(422, "unknown-reference", `${keyOf(missing)} does not exist; create it first`),
  );
  const deleted = changes.filter(({ payload }) => payload === null);
  refuseUnless(
    await sql.findReferrers(client, deleted),
    ({ from, to }) => new Problem(409, "still-referenced", `${to} is used by ${from}; delete that first`),
  );
}

/** Throws one problem about everything that is wrong. */
function refuseUnless<T>(faults: readonly T[], problemOf: (fault: T) => Problem): void {
  const [first, ...rest] = faults.map(problemOf);
  if (first === undefined) return;
  if (rest.length === 0) throw first;
  throw new Problem(first.status, first.code, `${first.message} (and ${rest.length} more)`, [
    first.message,
    ...rest.slice(0, 99).map(({ message }) => message),
  ]);
}

function storedOf(before: ReadonlyMap<string, Stored>, change: Reference): Stored {
  return before.get(keyOf(change)) ?? { version: 0n, payload: null };
}

/** One entity as it is now, or null when there is none. */
export async function read(pool: pg.Pool, entity: EntityName, id: string): Promise<Stored | null> {
  const stored = await sql.readEntity(pool, entity, id);
  return stored === null || stored.payload === null ? null : stored;
}
