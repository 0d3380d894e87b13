import type pg from "pg";
import { type IdempotentRequest, keyReused } from "./idempotency.ts";

const KEPT_HOURS = 24;

/** What was answered to this request before, or null. Throws Problem 422 when the key stands for another request. */
export async function findAnswer<T>(
  client: pg.Pool | pg.PoolClient,
  { key, part, fingerprint }: IdempotentRequest,
): Promise<T | null> {
  const { rows } = await client.query<{ fingerprint: Buffer; answer: T }>(
    "select fingerprint, answer from idempotency_keys where key = $1 and part = $2",
    [key, part],
  );
  const [row] = rows;
  if (row === undefined) return null;
  if (!row.fingerprint.equals(fingerprint)) throw keyReused(key);
  return row.answer;
}

/** Takes the key for this transaction, waiting for another that has it now. @returns whether nobody had it before */
export async function claimKey(client: pg.PoolClient, { key, part, fingerprint }: IdempotentRequest): Promise<boolean> {
  const { rowCount } = await client.query(
    "insert into idempotency_keys (key, part, fingerprint) values ($1, $2, $3) on conflict do nothing",
    [key, part, fingerprint],
  );
  return rowCount === 1;
}

/** Keeps the answer under the key that this transaction has claimed. */
export async function keepAnswer(
  client: pg.PoolClient,
  { key, part }: IdempotentRequest,
  answer: unknown,
): Promise<void> {
  await client.query("update idempotency_keys set answer = $3 where key = $1 and part = $2", [
    key,
    part,
    JSON.stringify(answer),
  ]);
}

/** Forgets the keys that are too old to be sent again. */
export async function pruneKeys(client: pg.Pool): Promise<void> {
  await client.query("delete from idempotency_keys where created_at < now() - make_interval(hours => $1)", [
    KEPT_HOURS,
  ]);
}
