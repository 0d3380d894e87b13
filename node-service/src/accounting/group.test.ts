import type { AccountingRecord } from "@aaa-cluster/contract";
import { expect, test } from "@jest/globals";
import { acceptancesOf, firstsOf } from "./group.ts";

const record = (recordId: string, acctSessionTime = 60): AccountingRecord => ({
  recordId,
  partition: "tv-aaa-0",
  subscriberId: "s0",
  deviceId: "box-s0",
  acctSessionId: "1",
  acctStatusType: "Interim-Update",
  accountingRecordNumber: 1,
  acctSessionTime,
  service: "channel:news-1",
  eventTime: "2026-01-31T00:00:00Z",
});

test("of records with one id the first is stored", () => {
  expect(firstsOf([record("a", 1), record("b"), record("a", 2)])).toEqual([record("a", 1), record("b")]);
});

test("a record that comes twice in one group is new once, and another one under its id is refused", () => {
  const group = [record("a", 1), record("b"), record("a", 1), record("a", 2)];
  expect(acceptancesOf(group, new Map())).toEqual(["new", "new", "same", "other"]);
});

test("a record is compared with the one that was there before, whatever the order of its members", () => {
  const { recordId, ...others } = record("a", 1);
  const earlier = new Map([[recordId, { ...others, recordId }]]);
  expect(acceptancesOf([record("a", 1), record("a", 2)], earlier)).toEqual(["same", "other"]);
});

test("the same record that another node process had taken under another partition's name is another one", () => {
  const earlier = new Map([["a", { ...record("a"), partition: "tv-aaa-1" }]]);
  expect(acceptancesOf([record("a")], earlier)).toEqual(["other"]);
});
