import { type AccountingRecord, type AccountingReport, recordIdOf } from "@aaa-cluster/contract";
import { postRequest } from "../../lib/line.ts";

/** Who reports the record at an index, of so many boxes. */
export const identityAt = (index: number, boxes: number) => ({
  subscriberId: `subscriber-${index % boxes}`,
  deviceId: `box-${index % boxes}`,
});

/** Pure: the Stop at an index of one round; no two of them are of the same session. */
export function stopAt(round: string, index: number): AccountingReport {
  return {
    acctSessionId: `${round}-${index}`,
    acctStatusType: "Stop",
    accountingRecordNumber: 12,
    acctSessionTime: 720 + (index % 3600),
    acctTerminateCause: "User-Request",
    service: `channel:news-${index % 100}`,
    eventTime: "2026-01-31T00:12:00Z",
  };
}

/** Pure: the request that reports it. */
export const stopRequest = (accessToken: string, round: string, index: number): Buffer =>
  postRequest("/v1/accounting", { accessToken, ...stopAt(round, index) });

/** Pure: the request that reports many that a box has kept. */
export const stopsRequest = (accessToken: string, round: string, indexes: readonly number[]): Buffer =>
  postRequest("/v1/accounting/list", { accessToken, records: indexes.map((index) => stopAt(round, index)) });

/** Pure: the same as a node stores it. */
export function recordAt(round: string, index: number, boxes: number): AccountingRecord {
  const identity = identityAt(index, boxes);
  const report = stopAt(round, index);
  return { recordId: recordIdOf(identity, report), partition: "tv-aaa-0", ...identity, ...report };
}
