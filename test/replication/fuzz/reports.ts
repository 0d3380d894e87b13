import { type AccountingReport, recordIdOf } from "@aaa-cluster/contract";
import { NODES } from "./plan.ts";
import { type Random, seeded } from "./random.ts";

/** One record that a box reports, and how it goes about that. */
export interface Reporting {
  readonly recordId: string;
  /** What OSS shall have of it in the end. */
  readonly content: AccountingReport & { readonly subscriberId: string; readonly deviceId: string };
  /** The nodes that are asked, in turn, until one has answered. */
  readonly nodes: readonly string[];
  /** Whether it is sent again when nobody has answered; a box may have been switched off. */
  readonly persistent: boolean;
  /** Whether it is sent once more although it was answered. */
  readonly twice: boolean;
  /** How long the box pauses before it, in ms. */
  readonly afterMs: number;
}

export const BOXES = 4;
const RECORDS_OF_A_SESSION = 10;
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** What one box reports, session after session, without an end. Boxes know nothing of each other. */
export function* reportsOf(seed: number, box: number): Generator<Reporting, never> {
  const random = seeded(seed * BOXES + box + 2_000_003);
  const identity = { subscriberId: `Subscriber-${box}`, deviceId: `box-${box}` };
  for (let index = 0; ; index += 1) {
    const report = reportAt(random, index);
    const [first, ...others] = shuffled(random, NODES);
    yield {
      recordId: recordIdOf(identity, report),
      content: { ...identity, ...report },
      nodes: [first as string, ...others],
      persistent: random.chance(0.9),
      twice: random.chance(0.2),
      afterMs: random.between(0, 40),
    };
  }
}

function reportAt(random: Random, index: number): AccountingReport {
  const accountingRecordNumber = index % RECORDS_OF_A_SESSION;
  const common = {
    acctSessionId: `session-${Math.floor(index / RECORDS_OF_A_SESSION)}`,
    accountingRecordNumber,
    service: random.oneOf(["channel:news-1", "vod:action"]),
    eventTime: new Date(EPOCH_MS + index * 1000).toISOString(),
  };
  if (accountingRecordNumber === 0) return { ...common, acctStatusType: "Start" };
  const acctSessionTime = random.between(0, 86_400);
  return accountingRecordNumber < RECORDS_OF_A_SESSION - 1
    ? { ...common, acctStatusType: "Interim-Update", acctSessionTime }
    : { ...common, acctStatusType: "Stop", acctSessionTime, acctTerminateCause: "User-Request" };
}

function shuffled<T>(random: Random, things: readonly T[]): T[] {
  const rest = [...things];
  return things.map(() => rest.splice(random.between(0, rest.length - 1), 1)[0] as T);
}
