import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { countUndelivered } from "./outbox.ts";

const LOOK_EVERY_MS = 50;

/**
 * Waits until every accepted record is delivered, for the case that this node never comes back. Gives up when the
 * database cannot be asked: then nothing can be delivered either.
 * @returns how many records are left, or null when that is not known
 */
export async function drained(pool: pg.Pool, timeoutMs: number): Promise<number | null> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const left = await countUndelivered(pool).catch(() => null);
    if (left === null || left === 0 || Date.now() >= deadline) return left;
    await sleep(LOOK_EVERY_MS);
  }
}
