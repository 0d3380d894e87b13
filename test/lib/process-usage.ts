import { readFile } from "node:fs/promises";

/** What a process has used since it began. */
export interface Usage {
  /** Seconds of all its threads, in user and kernel mode. */
  readonly cpuSeconds: number;
  /** The most resident memory it ever had. */
  readonly peakMib: number;
  /** The resident memory that it has. */
  readonly residentMib: number;
}

const TICKS_PER_SECOND = 100;

/** What the kernel knows of a process (Linux). */
export async function usageOf(pid: number): Promise<Usage> {
  const [stat, status] = await Promise.all(["stat", "status"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8")));
  // The second field is the program's name in brackets, which may hold blanks; user and system time are 14 and 15.
  const fields = (stat ?? "").slice((stat ?? "").lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  const mibOf = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status ?? "")?.[1]) / 1024;
  return { cpuSeconds: ticks / TICKS_PER_SECOND, peakMib: mibOf("VmHWM"), residentMib: mibOf("VmRSS") };
}
