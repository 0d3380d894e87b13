import Type from "typebox";
import { Compile } from "typebox/compile";
import { Identifier, Timestamp } from "./decimal.ts";
import { ContractError, describeErrors, parseJson } from "./errors.ts";

export const AcctStatusType = Type.Enum(["Start", "Interim-Update", "Stop"]);
export type AcctStatusType = Type.Static<typeof AcctStatusType>;

/** Why a session ended: the values of RFC 2866 section 5.10. */
export const AcctTerminateCause = Type.Enum([
  "User-Request",
  "Lost-Carrier",
  "Lost-Service",
  "Idle-Timeout",
  "Session-Timeout",
  "Admin-Reset",
  "Admin-Reboot",
  "Port-Error",
  "NAS-Error",
  "NAS-Request",
  "NAS-Reboot",
  "Port-Unneeded",
  "Port-Preempted",
  "Port-Suspended",
  "Service-Unavailable",
  "Callback",
  "User-Error",
  "Host-Request",
]);

const Unsigned32 = Type.Integer({ minimum: 0, maximum: 4_294_967_295 });

const REPORT = `What a box says of a session, by the names of RFC 2866. acctSessionId: the box's name for the session, \
unique among its sessions. accountingRecordNumber: counts the session's records (RFC 6733 section 9.8.3); a box that sends a \
record again sends it with the same number and everything else in it the same. acctSessionTime: whole seconds since the \
session began. acctTerminateCause: why it ended, for a Stop. service: what was used, as it was authorized. eventTime: when \
it happened, by the box's clock.`;

/** What a box says of a session. */
export const AccountingReport = Type.Object(
  {
    acctSessionId: Identifier,
    acctStatusType: AcctStatusType,
    accountingRecordNumber: Unsigned32,
    acctSessionTime: Type.Optional(Unsigned32),
    acctTerminateCause: Type.Optional(AcctTerminateCause),
    service: Type.String({ minLength: 1, maxLength: 128 }),
    eventTime: Timestamp,
  },
  {
    description: REPORT,
  },
);
export type AccountingReport = Type.Static<typeof AccountingReport>;

/** One record of a session, as it goes from the node that took it to OSS: one to a message. */
export const AccountingRecord = Type.Object(
  {
    recordId: Type.String({ minLength: 1, maxLength: 256 }),
    partition: Type.String({ minLength: 1 }),
    subscriberId: Identifier,
    deviceId: Identifier,
    ...AccountingReport.properties,
  },
  {
    description: `A report of a box, and whose it is. recordId: the same however often and to whatever node the box sends it: \
subscriberId, deviceId, acctSessionId, acctStatusType and accountingRecordNumber with slashes between. partition: the node \
that took it, which is no part of what the record says. The others: ${REPORT}`,
  },
);
export type AccountingRecord = Type.Static<typeof AccountingRecord>;

/** The name of a record: the same however often a box sends it, and that of no other record. No part contains a slash. */
export function recordIdOf(
  { subscriberId, deviceId }: { readonly subscriberId: string; readonly deviceId: string },
  { acctSessionId, acctStatusType, accountingRecordNumber }: AccountingReport,
): string {
  return [subscriberId, deviceId, acctSessionId, acctStatusType, accountingRecordNumber].join("/");
}

const record = Compile(AccountingRecord);
const members = Object.keys(AccountingRecord.properties) as (keyof AccountingRecord)[];

/**
 * Reads a message of the accounting queue. Members that this version does not know are allowed and left out. Throws
 * ContractError when it is not a record.
 */
export function decodeAccountingRecord(body: Buffer): AccountingRecord {
  const value = parseJson(body);
  if (!record.Check(value)) throw new ContractError(describeErrors(record.Errors(value)).join("; "));
  const known = members.flatMap((member) => (value[member] === undefined ? [] : [[member, value[member]]]));
  return Object.fromEntries(known) as AccountingRecord;
}
