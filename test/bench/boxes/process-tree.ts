import { readdir, readFile } from "node:fs/promises";

const TICKS_PER_SECOND = 100;

/** A process and all that descend from it (Linux). */
export async function treeOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const children = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "")),
  );
  const pids = children.join(" ").split(/\s+/).filter(Boolean).map(Number);
  return [pid, ...(await Promise.all(pids.map(treeOf))).flat()];
}

/** CPU seconds that a process and all that descend from it have used, those too that have ended and were waited for. */
export async function cpuSecondsOfTree(pid: number): Promise<number> {
  const stats = await Promise.all(
    (await treeOf(pid)).map((each) => readFile(`/proc/${each}/stat`, "utf8").catch(() => "")),
  );
  return stats.reduce((sum, stat) => sum + ticksOf(stat), 0) / TICKS_PER_SECOND;
}

/** Pure: utime, stime, cutime and cstime, of the text of /proc/<pid>/stat. */
export function ticksOf(stat: string): number {
  // The second field is the program's name in brackets, which may hold blanks; the times are the fields 14 to 17.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}
