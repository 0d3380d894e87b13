import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type AccountingRecord,
  type AccountingReport,
  decodeAccountingRecord,
  recordIdOf,
  reportFaults,
} from "./accounting.ts";
import { encode } from "./events.ts";

const identity = { subscriberId: "s1", deviceId: "box-1" };
const report: AccountingReport = {
  acctSessionId: "session-1",
  acctStatusType: "Stop",
  accountingRecordNumber: 3,
  acctSessionTime: 61,
  acctTerminateCause: "User-Request",
  service: "channel:news-1",
  eventTime: "2026-01-31T00:00:00Z",
};
const record: AccountingRecord = {
  recordId: recordIdOf(identity, report),
  partition: "tv-aaa-0",
  ...identity,
  ...report,
};

test("a record is read as it was written", () => {
  expect(decodeAccountingRecord(encode(record))).toEqual(record);
});

test("a member that this version does not know is allowed and left out", () => {
  expect(decodeAccountingRecord(encode({ ...record, acctInputOctets: 1 }))).toEqual(record);
});

test.each([
  [{ acctStatusType: "Pause" }, '/acctStatusType: must be one of "Start", "Interim-Update", "Stop", "Event"'],
  [{ eventTime: "yesterday" }, "/eventTime: must be a date-time, for example 2026-01-31T00:00:00Z"],
  [{ acctSessionTime: -1 }, "/acctSessionTime: must be >= 0"],
  [{ recordId: undefined }, "must have recordId"],
])("what is no record is refused with what to write: %j", (change, message) => {
  expect(() => decodeAccountingRecord(encode({ ...record, ...change }))).toThrow(message);
});

const { acctTerminateCause: _, acctSessionTime: __, ...bare } = report;
const purchase: AccountingReport = {
  ...bare,
  acctStatusType: "Event",
  accountingRecordNumber: 0,
  productOfferingId: "movie-night",
  contentId: "tt0076759",
  service: "vod:new",
};

test("a Stop may say why, an Event must say what was bought", () => {
  expect(reportFaults(report)).toEqual([]);
  expect(reportFaults(purchase)).toEqual([]);
  expect(reportFaults({ ...purchase, productOfferingId: undefined } as unknown as AccountingReport)).toEqual([
    "must have productOfferingId: the offering that was bought",
  ]);
});

test.each([
  [{ ...report, acctStatusType: "Start" }, "/acctTerminateCause: is for a Stop alone; remove it"],
  [{ ...report, contentId: "x" }, "/contentId: is for an Event alone; remove it"],
  [{ ...purchase, acctSessionTime: 1 }, "/acctSessionTime: an Event has no session; remove it"],
  [{ ...report, service: "\0" }, "/service: must not have the character U+0000 or half of a surrogate pair"],
  [{ ...report, service: "\ud800" }, "/service: must not have the character U+0000 or half of a surrogate pair"],
] as [AccountingReport, string][])("what does not belong into a record is named: %j", (wrong, message) => {
  expect(reportFaults(wrong)).toEqual([message]);
});

test("two records have one id only if they are of one box, session, type and number", () => {
  const word = fc.constantFrom("a", "a.b", "b", "1", "a:1", "1-a");
  const parts = fc.record({
    subscriberId: word,
    deviceId: word,
    acctSessionId: word,
    acctStatusType: fc.constantFrom("Start" as const, "Stop" as const),
    accountingRecordNumber: fc.nat(12),
  });
  const idOf = (one: typeof parts extends fc.Arbitrary<infer T> ? T : never): string =>
    recordIdOf(one, { ...report, ...one });
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      expect(idOf(one) === idOf(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
  );
});
