import { medians, rounded } from "../../lib/statistics.ts";
import { say, step } from "../../lib/steps.ts";
import { type Figures, type Load, measure } from "./measure.ts";
import type { Subject } from "./subject.ts";

export interface Comparison extends Load {
  readonly rounds: number;
  readonly warmUpSeconds: number;
}

/** How long one subject is measured until the next one is. */
const TURN_SECONDS = 1;

/**
 * Measures subjects in turns of a second, so that what else the machine does falls on all of them. One that can be renewed is so for each
 * round, of which each subject has as many seconds as the load says.
 * @returns for each subject the medians of its turns
 */
export async function compare<K extends string>(
  subjects: Readonly<Record<K, Subject>>,
  { rounds, warmUpSeconds, ...load }: Comparison,
): Promise<Record<K, Figures>> {
  const all = (Object.entries(subjects) as [K, Subject][]).map(([key, subject]) => ({
    key,
    subject,
    figures: [] as Figures[],
  }));
  const names = all.map(({ subject }) => subject.name).join(", ");
  for (let round = 1; round <= rounds; round += 1) {
    for (const { subject } of all) {
      const { name, renew } = subject;
      if (round > 1 && renew !== undefined) await step(`Renew ${name}`, renew);
      await step(`Warm up ${name}`, () => measure(subject, { ...load, seconds: warmUpSeconds }));
    }
    await step(`Round ${round}: ${names} in turns`, async () => {
      for (let seconds = 0; seconds < load.seconds; seconds += TURN_SECONDS) {
        for (const { subject, figures } of all)
          figures.push(await measure(subject, { ...load, seconds: TURN_SECONDS }));
      }
    });
  }
  return Object.fromEntries(all.map(({ key, figures }) => [key, medians(figures)])) as Record<K, Figures>;
}

const COLUMNS: Readonly<Record<keyof Figures, string>> = {
  per_s: "per s",
  per_cpu_s: "per CPU s",
  per_service_cpu_s: "without database",
  p50_ms: "p50, ms",
  p99_ms: "p99, ms",
  busy: "core busy",
  load_busy: "load's busy",
};
const NAME_WIDTH = 24;

/** Prints what was measured side by side. */
export function printTable<K extends string>(
  what: string,
  subjects: Readonly<Record<K, Subject>>,
  figures: Readonly<Record<K, Figures>>,
): void {
  const columns = Object.entries(COLUMNS) as [keyof Figures, string][];
  const row = (first: string, cell: (key: keyof Figures, title: string) => string): void =>
    say(`  ${first.padEnd(NAME_WIDTH)}${columns.map(([key, title]) => padded(cell(key, title), title)).join("")}`);
  say();
  row(what, (_key, title) => title);
  for (const name of Object.keys(subjects) as K[]) {
    row(subjects[name].name, (key) => String(rounded(figures[name][key])));
  }
  say();
}

const padded = (cell: string, title: string): string => cell.padStart(title.length + 3);

/** All figures for the last line of a bench, each name with the subject's before it. */
export function named(figures: Readonly<Record<string, Figures>>): Record<string, number> {
  const entries = Object.entries(figures).flatMap(([subject, all]) =>
    Object.entries(all).map(([name, value]) => [`${subject}_${name}`, rounded(value)] as const),
  );
  return Object.fromEntries(entries);
}
