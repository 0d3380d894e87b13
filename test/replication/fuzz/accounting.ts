import { isDeepStrictEqual } from "node:util";
import type { Reporting } from "./reports.ts";

/** One time that a box sent a record to a node. */
export interface Attempt {
  readonly node: string;
  /** When it was sent, in ms of the test's monotonic clock. */
  readonly sentAt: number;
  /** The status that came, or null when no answer did. */
  readonly status: number | null;
}

/** A record and all that became of it at the boxes' side. */
export interface Reported extends Pick<Reporting, "recordId" | "content"> {
  readonly attempts: readonly Attempt[];
}

/** A record that OSS has. */
export interface StoredRecord extends Pick<Reported, "recordId"> {
  /** The node that took it. */
  readonly partition: string;
  readonly content: unknown;
}

/** A database that a node lost, with the records in it that it had not delivered. */
export interface LostOutbox {
  readonly node: string;
  /** When nobody could write to it any more, in ms of the test's monotonic clock. */
  readonly at: number;
  readonly recordIds: ReadonlySet<string>;
}

/** All that is known of accounting after a run. */
export interface Accounting {
  readonly reported: readonly Reported[];
  readonly stored: readonly StoredRecord[];
  readonly lost: readonly LostOutbox[];
  /** Why OSS has set messages aside. */
  readonly setAside: readonly string[];
}

/** The records that boxes were told are safe. */
export function acknowledged({ reported }: Accounting): Reported[] {
  return reported.filter(({ attempts }) => attempts.some(isTaken));
}

/**
 * Records that were taken and are not at OSS. A node that loses its database loses what waited in its outbox, and nothing
 * else is lost: a record may be missing only if it was in the outbox that was lost of every node that had taken it.
 */
export function missing(accounting: Accounting): Reported[] {
  const there = new Set(accounting.stored.map(({ recordId }) => recordId));
  return acknowledged(accounting).filter(
    ({ recordId, attempts }) =>
      !there.has(recordId) && !attempts.filter(isTaken).every((attempt) => isLost(accounting.lost, recordId, attempt)),
  );
}

const isTaken = ({ status }: Attempt): boolean => status === 200;

/** What was sent after the loss is in the database that came after it. */
const isLost = (lost: readonly LostOutbox[], recordId: string, { node, sentAt }: Attempt): boolean =>
  lost.some((outbox) => outbox.node === node && sentAt < outbox.at && outbox.recordIds.has(recordId));

/** Something that holds of accounting whatever the faults were. */
interface AccountingInvariant {
  readonly name: string;
  breaches(accounting: Accounting): string[];
}

/** The invariants of accounting. */
export const accountingInvariants: readonly AccountingInvariant[] = [
  {
    name: "a record that a box got a 2xx for is at OSS, unless its node lost it with its database",
    breaches: (accounting) =>
      missing(accounting).map((record) => `${record.recordId} is missing; ${printTries(record)}`),
  },
  {
    name: "OSS has every record once, as a box reported it, by a node that was asked",
    breaches: ({ reported, stored }) => {
      const known = new Map(reported.map((record) => [record.recordId, record]));
      const seen = new Set<string>();
      return stored.flatMap(({ recordId, partition, content }) => {
        const again = seen.has(recordId);
        seen.add(recordId);
        const record = known.get(recordId);
        if (record === undefined) return [`nobody reported ${recordId}`];
        if (again) return [`${recordId} is there more than once`];
        if (!isDeepStrictEqual(content, record.content)) return [`${recordId} is ${JSON.stringify(content)}`];
        const asked = record.attempts.some(({ node }) => node === partition);
        return asked ? [] : [`${recordId} is from ${partition}; ${printTries(record)}`];
      });
    },
  },
  {
    name: "no box is told that its record is wrong",
    breaches: ({ reported }) =>
      reported.flatMap((record) => {
        const refused = record.attempts.some(({ status }) => status !== null && status >= 400 && status < 500);
        return refused ? [`${record.recordId}: ${printTries(record)}`] : [];
      }),
  },
  { name: "OSS sets no accounting message aside", breaches: ({ setAside }) => [...setAside] },
];

function printTries({ attempts }: Reported): string {
  return `sent ${attempts.map(({ node, status }) => `to ${node}: ${status ?? "no answer"}`).join(", ")}`;
}
