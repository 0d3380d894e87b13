import type pg from "pg";
import { commitPlan } from "../../../node-service/src/partition/storage.ts";
import { EPOCH, eventAt } from "./events.ts";

/**
 * The physical limit: the statement by which a node commits, with the same rows in batches as large as a node's, one
 * after the other, and no queue, no JSON and no acknowledgement around it.
 * @returns events per second
 */
export async function limitOf(pool: pg.Pool, events: number, devices: number, batch: number): Promise<number> {
  const began = performance.now();
  for (let from = 0; from < events; from += batch) {
    const to = Math.min(from + batch, events);
    const upserts = Array.from({ length: to - from }, (_, index) => eventAt(from + index + 1, devices));
    await commitPlan(pool, {
      from: { epoch: EPOCH, sequence: BigInt(from) },
      to: { epoch: EPOCH, sequence: BigInt(to) },
      upserts,
      poison: [],
      unknown: 0,
      dropped: 0,
      taken: upserts.length,
      proof: null,
    });
  }
  return events / ((performance.now() - began) / 1000);
}
