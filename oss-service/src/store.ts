import { randomUUID } from "node:crypto";
import { Problem, sqlState, transaction } from "@aaa-cluster/service-kit";
import type pg from "pg";
import {
  type Change,
  eventOf,
  inBroadcastOrder,
  keyOf,
  NEVER_WRITTEN,
  type OutboxBody,
  type Reference,
  referencesOf,
  type Stored,
} from "./change.ts";
import type { IdempotentRequest } from "./idempotency.ts";
import { claimKey, findAnswer, keepAnswer } from "./idempotency-sql.ts";
import * as sql from "./sql.ts";

const DEADLOCK_DETECTED = "40P01";
const ATTEMPTS = 5;

/** What is asked of one entity. */
export interface Write extends Reference {
  /** What it shall be, given what it is; asked while nobody else can change it. Throws Problem. */
  readonly decide: (before: Stored) => Change["payload"] | Promise<Change["payload"]>;
}

export interface Written {
  readonly events: readonly OutboxBody[];
  /** The sequence number of the last event. */
  readonly sequence: string;
}

/** A request to change entities, which is answered with a `T`. */
export interface WriteRequest<T> {
  /** What makes it the same request when it is sent again; null when it came without a key. */
  readonly idempotent: IdempotentRequest | null;
  /** What is asked of each entity, none of which may be named twice. Not called for what was answered before. */
  readonly prepare: () => Promise<readonly Write[]>;
  /** The answer, which is kept under the key as JSON. */
  readonly answer: (written: Written) => T;
}

export interface Answered<T> {
  readonly answer: T;
  /** Null when the answer is that of an earlier request. */
  readonly written: Written | null;
}

/**
 * Commits the changes of a request with their events and its answer, all or nothing. Once this resolves, every node will
 * get the changes, whatever happens next. Throws Problem when the request cannot be carried out; then nothing changed.
 */
export async function write<T>(pool: pg.Pool, request: WriteRequest<T>, now: Date): Promise<Answered<T>> {
  const { idempotent, prepare } = request;
  const earlier = idempotent === null ? null : await findAnswer<T>(pool, idempotent);
  if (earlier !== null) return { answer: earlier, written: null };
  const writes = await prepare();
  const timed = writes.map((one) => ({ ...one, at: now }));
  const written = idempotent === null ? await writeUnlocked(pool, timed) : null;
  if (written !== null) return { answer: request.answer(written), written };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transaction(pool, (client) => answerIn(client, request, timed));
    } catch (error) {
      if (sqlState(error) !== DEADLOCK_DETECTED || attempt === ATTEMPTS) throw error;
    }
  }
}

/** A write, and when it was asked for. */
export interface TimedWrite extends Write {
  readonly at: Date;
}

/**
 * Writes entities, none of which may be named twice, without locking them first: two statements where there is nobody else.
 * @returns null when nothing was written, as somebody else was faster, or locks are needed to tell whether it may be done
 * @throws Problem
 */
export async function writeUnlocked(pool: pg.Pool, writes: readonly TimedWrite[]): Promise<Written | null> {
  const changes = await changesOf(writes, await sql.readEntities(pool, writes));
  // What refers to it must not come while it is deleted.
  if (changes.some(({ payload }) => payload === null)) return null;
  const events = changes.map(({ event }) => event);
  try {
    const sequence = await sql.appendToStream(pool, events, referencesBeside(changes));
    return { events, sequence };
  } catch (error) {
    if (error instanceof sql.ChangedMeanwhileError || sqlState(error) === DEADLOCK_DETECTED) return null;
    throw error;
  }
}

async function answerIn<T>(
  client: pg.PoolClient,
  { idempotent, answer: answerTo }: WriteRequest<T>,
  writes: readonly TimedWrite[],
): Promise<Answered<T>> {
  // First of all, so that whoever waits for the key keeps nobody else waiting.
  if (idempotent !== null && !(await claimKey(client, idempotent))) {
    const earlier = await findAnswer<T>(client, idempotent);
    if (earlier === null) throw new Error("the answer under an idempotency key was pruned while it was asked for");
    return { answer: earlier, written: null };
  }
  const written = await writeLocked(client, writes);
  const answer = answerTo(written);
  if (idempotent !== null) await keepAnswer(client, idempotent, answer);
  return { answer, written };
}

/** Writes entities, none of which may be named twice, at the end of a transaction. Throws Problem. */
async function writeLocked(client: pg.PoolClient, writes: readonly TimedWrite[]): Promise<Written> {
  const changes = await changesOf(writes, await sql.lockEntities(client, writes));
  const references = referencesBeside(changes);
  const found = await sql.lockReferences(client, references);
  const deleted = changes.filter(({ payload }) => payload === null);
  for (const reference of deleted) found.delete(keyOf(reference));
  refuseUnless(
    references.filter((reference) => !found.has(keyOf(reference))),
    (missing) => new Problem(422, "unknown-reference", `${keyOf(missing)} does not exist; create it first`),
  );
  const events = changes.map(({ event }) => event);
  const sequence = await sql.appendToStream(client, events, references);
  refuseUnless(
    await sql.findReferrers(client, deleted),
    ({ from, to }) => new Problem(409, "still-referenced", `${to} is used by ${from}; delete that first`),
  );
  return { events, sequence };
}

type DecidedChange = Change & { readonly event: OutboxBody };

/** What the writes make of what is stored, in the order of broadcast. Throws Problem. */
async function changesOf(
  writes: readonly TimedWrite[],
  before: ReadonlyMap<string, Stored>,
): Promise<readonly DecidedChange[]> {
  const changes: (Change & { readonly at: Date })[] = [];
  for (const { entity, id, decide, at } of writes) {
    changes.push({ entity, id, payload: await decide(storedOf(before, { entity, id })), at });
  }
  const ordered = inBroadcastOrder(changes);
  refuseUnless(
    ordered.filter((change) => change.payload === null && storedOf(before, change).payload === null),
    noSuchEntity,
  );
  const decided = ordered.map((change) => {
    return { ...change, event: eventOf(change, storedOf(before, change), randomUUID(), change.at) };
  });
  refuseUnless(
    decided.filter(({ entity, event: { payload } }) => {
      return entity === "Subscriber" && payload !== null && !("credential" in payload);
    }),
    ({ id }) => new Problem(422, "password-missing", `/password: give one, Subscriber/${id} is new`),
  );
  return decided;
}

/** What must exist for the changes to make sense, and does not come with them. */
function referencesBeside(changes: readonly Change[]): Reference[] {
  const upserted = new Set(changes.filter(({ payload }) => payload !== null).map(keyOf));
  return referencesOf(changes).filter((reference) => !upserted.has(keyOf(reference)));
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
  return before.get(keyOf(change)) ?? NEVER_WRITTEN;
}

/** What is stored of something that exists. */
export type Existing = Stored & { readonly payload: Record<string, unknown> };

/** One entity as it is now. Throws Problem 404. */
export async function read(pool: pg.Pool, reference: Reference): Promise<Existing> {
  return existing(reference, await sql.readEntity(pool, reference));
}

/** What is stored, when it exists. Throws Problem 404. */
export function existing(reference: Reference, { version, payload }: Stored): Existing {
  if (payload === null) throw noSuchEntity(reference);
  return { version, payload };
}

const noSuchEntity = (reference: Reference): Problem =>
  new Problem(404, "no-such-entity", `there is no ${keyOf(reference)}`);
