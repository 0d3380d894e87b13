import { isDeepStrictEqual } from "node:util";
import type { AccountingRecord } from "@aaa-cluster/contract";

/** What became of a record: it is new, it was accepted before, or another one was accepted under its id. */
export type Acceptance = "new" | "same" | "other";

/** Pure: of records that are committed together the first of each id, which is the one that may be stored. */
export function firstsOf(records: readonly AccountingRecord[]): AccountingRecord[] {
  const firsts = new Map<string, AccountingRecord>();
  for (const record of records) if (!firsts.has(record.recordId)) firsts.set(record.recordId, record);
  return [...firsts.values()];
}

/**
 * Pure: what became of each of the records that were committed together.
 * @param earlier what was there before, by its id
 */
export function acceptancesOf(
  records: readonly AccountingRecord[],
  earlier: ReadonlyMap<string, AccountingRecord>,
): Acceptance[] {
  const there = new Map(earlier);
  return records.map((record) => {
    const kept = there.get(record.recordId);
    if (kept !== undefined) return isDeepStrictEqual(kept, record) ? "same" : "other";
    there.set(record.recordId, record);
    return "new";
  });
}
