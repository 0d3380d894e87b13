import Type from "typebox";
import { Compile } from "typebox/compile";
import { Identifier, Timestamp } from "./decimal.ts";
import { ContractError, describeErrors, parseJson } from "./errors.ts";

/** RFC 2866 section 5.1, and of RFC 6733 section 9.8.1 the Event: something that happened once and has no session. */
export const acctStatusTypes = ["Start", "Interim-Update", "Stop", "Event"] as const;
export const AcctStatusType = Type.Enum([...acctStatusTypes]);
export type AcctStatusType = (typeof acctStatusTypes)[number];

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

const REPORT = `What a box says of a session, or of a one-time event as a purchase, by the names of RFC 2866. acctSessionId: the \
box's name for the session or the event, unique among its sessions and events. accountingRecordNumber: counts the session's \
records (RFC 6733 section 9.8.3), 0 for an Event; a box that sends a record again sends it with the same number and everything \
else in it the same. acctSessionTime: whole seconds since the session began. acctTerminateCause: why it ended, of a Stop \
alone. productOfferingId: what was bought, of an Event alone, which must have it. contentId: the title that was bought, of an \
Event alone. service: what was used or bought, as it was authorized. eventTime: when it happened, by the box's clock.`;

/** What a box says of a session or of an event; see also `reportFaults`. */
export const AccountingReport = Type.Object(
  {
    acctSessionId: Identifier,
    acctStatusType: AcctStatusType,
    accountingRecordNumber: Unsigned32,
    acctSessionTime: Type.Optional(Unsigned32),
    acctTerminateCause: Type.Optional(AcctTerminateCause),
    productOfferingId: Type.Optional(Identifier),
    contentId: Type.Optional(Identifier),
    service: Type.String({ minLength: 1, maxLength: 128 }),
    eventTime: Timestamp,
  },
  {
    description: REPORT,
  },
);
export type AccountingReport = Type.Static<typeof AccountingReport>;

const HALF_OF_A_PAIR = /\p{Surrogate}/u;

/**
 * Pure: what is wrong with a report of the right form, as lines that say where and what to write; empty when nothing is. A
 * node holds boxes to it. A reader of messages does not: what was accepted once is charged.
 */
export function reportFaults(report: AccountingReport): string[] {
  const { acctStatusType, acctSessionTime, acctTerminateCause, productOfferingId, contentId, service } = report;
  const faults: string[] = [];
  if (acctStatusType !== "Stop" && acctTerminateCause !== undefined) {
    faults.push("/acctTerminateCause: is for a Stop alone; remove it");
  }
  if (acctStatusType === "Event") {
    if (productOfferingId === undefined) faults.push("must have productOfferingId: the offering that was bought");
    if (acctSessionTime !== undefined) faults.push("/acctSessionTime: an Event has no session; remove it");
  } else {
    if (productOfferingId !== undefined) faults.push("/productOfferingId: is for an Event alone; remove it");
    if (contentId !== undefined) faults.push("/contentId: is for an Event alone; remove it");
  }
  // No database keeps these.
  if (service.includes("\0") || HALF_OF_A_PAIR.test(service)) {
    faults.push("/service: must not have the character U+0000 or half of a surrogate pair");
  }
  return faults;
}

/** One record of a session or of an event, as it goes from the node that took it to OSS: one to a message. */
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
