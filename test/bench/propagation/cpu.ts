import { cpuSecondsOfTree } from "../../lib/process-tree.ts";

/** The processes of a subject, by what they are: each stands for all that descend from it. */
export type Parts = Readonly<Record<string, readonly number[]>>;

/** CPU time by the names of parts. */
export type CpuTime = Readonly<Record<string, number>>;

/** Seconds that each part has used so far. */
export async function cpuSecondsOf(parts: Parts): Promise<CpuTime> {
  const entries = Object.entries(parts).map(async ([name, pids]) => {
    const seconds = await Promise.all(pids.map(cpuSecondsOfTree));
    return [name, seconds.reduce((sum, each) => sum + each, 0)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Pure: microseconds of each part for one of so many rows, and of `all` together. */
export function microsecondsPerRow(before: CpuTime, after: CpuTime, rows: number): CpuTime {
  const each = Object.entries(after).map(
    ([name, seconds]) => [name, ((seconds - (before[name] ?? 0)) * 1e6) / rows] as const,
  );
  return Object.fromEntries([...each, ["all", each.reduce((sum, [, time]) => sum + time, 0)]]);
}
