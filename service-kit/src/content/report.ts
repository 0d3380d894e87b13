import type { Comparison, Difference } from "./compare.ts";
import type { Reading } from "./lines.ts";

export type Verdict = "same" | "different" | "undecided";

export interface Report {
  readonly verdict: Verdict;
  /** For people. */
  readonly lines: readonly string[];
}

/** What a comparison comes to, in words. */
export function reportOf(comparison: Comparison): Report {
  const { readings, buckets, entities, differences, differing } = comparison;
  const width = Math.max(...readings.map(({ name }) => name.length));
  const read = readings.map(
    ({ name, sequence, epoch, digest }) =>
      `${name.padEnd(width)}  sequence ${sequence} of epoch ${epoch}, digest ${digest}`,
  );
  if (entities.different + buckets.different.length > 0) {
    const rest = entities.different - differences.length;
    return {
      verdict: "different",
      lines: [
        ...read,
        `different: ${[
          ...(entities.different > 0 ? [`${counted(entities.different)} in bucket ${differing.join(",")}`] : []),
          ...(buckets.different.length > 0 ? [`bucket ${buckets.different.join(",")}`] : []),
        ].join("; ")}`,
        ...differences.flatMap((difference) => describe(difference, readings)),
        ...(rest > 0 ? [`  and ${counted(rest)} more`] : []),
        ...(buckets.different.length > 0 ? [readEntities(buckets.different)] : []),
      ],
    };
  }
  if (buckets.changed.length > 0) {
    const what = "they are of different places of the stream, and by their digests alone changes are no differences";
    return { verdict: "undecided", lines: [...read, `undecided: ${what}`, readEntities(buckets.changed)] };
  }
  const late = readTooEarly(readings);
  const changed = entities.changed + entities.unclear;
  const doubts = [
    ...(changed > 0 && late.length > 0
      ? [`${counted(changed)} changed between the places of the readings, or ${late.join(", ")} lacks that`]
      : []),
    ...(entities.unclear > 0
      ? [`${counted(entities.unclear)} gone at the last readings: deleted before, or lost there`]
      : []),
  ];
  if (doubts.length > 0) {
    const advice = "  read all of them once more, OSS last, and compare those with these";
    return { verdict: "undecided", lines: [...read, `undecided: ${doubts.join("; ")}`, advice] };
  }
  const meanwhile = changed === 0 ? "" : `; ${counted(changed)} changed from reading to reading`;
  return { verdict: "same", lines: [...read, `same${meanwhile}`] };
}

/** Whose last reading is of an earlier place than the first of another: what it lacks may still have been on its way. */
function readTooEarly(readings: readonly Reading[]): readonly string[] {
  const byName = [...Map.groupBy(readings, ({ name }) => name)];
  const firsts = byName.map(([, [first]]) => first?.sequence ?? 0n);
  const latest = firsts.reduce((a, b) => (a > b ? a : b), 0n);
  return byName.filter(([, own]) => (own.at(-1)?.sequence ?? 0n) < latest).map(([name]) => name);
}

function describe({ entity, id, states }: Difference, readings: readonly Reading[]): readonly string[] {
  return [
    `  ${entity} ${id}`,
    ...readings.map(({ key, name, sequence }) => {
      const state = states.get(key);
      const what = state === undefined ? "absent" : `version ${state.version}, ${state.digest ?? "deleted"}`;
      return `    ${name} at ${sequence}: ${what}`;
    }),
  ];
}

/** Of how many buckets it is worth while to read the entities by themselves. */
const FEW = 16;

const readEntities = (buckets: readonly string[]): string =>
  `  read all of them again with --bucket ${buckets.length > FEW ? "all" : buckets.join(",")} to see which entities`;

const counted = (entities: number): string => (entities === 1 ? "1 entity" : `${entities} entities`);
