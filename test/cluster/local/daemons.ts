import { spawn } from "node:child_process";
import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createCgroup, processesIn, procsFiles } from "./cgroups.ts";
import { CLUSTER, statePath } from "./layout.ts";

/** A process that outlives this one. `name` (such as `n1/kubelet`) is also its control group, log and pid file. */
export interface Daemon {
  readonly name: string;
  readonly command: readonly string[];
}

// The process enters its control groups before it becomes the daemon, so nothing it starts can be outside them.
const ENTER = 'echo $$ > "$PID_FILE"; for procs in $PROCS; do echo $$ > "$procs"; done; exec "$@"';

export function cgroupOf(name: string): string {
  return `${CLUSTER}/${name}`;
}

/** The process id of a daemon, or null when it does not run. Its group proves that the id was not given to another. */
export async function pidOf(name: string): Promise<number | null> {
  const pid = Number(await readFile(pidFile(name), "utf8").catch(() => ""));
  return pid !== 0 && (await processesIn(cgroupOf(name))).includes(pid) ? pid : null;
}

/** Starts a daemon unless it runs. Returns whether it was started. */
export async function ensureDaemon({ name, command }: Daemon): Promise<boolean> {
  if ((await pidOf(name)) !== null) return false;
  await createCgroup(cgroupOf(name));
  for (const path of [pidFile(name), logFile(name)]) await mkdir(dirname(path), { recursive: true });
  await using log = await open(logFile(name), "a");
  const child = spawn("sh", ["-c", ENTER, "sh", ...command], {
    cwd: "/",
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: "/root",
      PID_FILE: pidFile(name),
      PROCS: (await procsFiles(cgroupOf(name))).join(" "),
    },
  });
  child.unref();
  return true;
}

/** The last lines a daemon wrote, for an error message. */
export async function lastWords(name: string): Promise<string> {
  const text = await readFile(logFile(name), "utf8").catch(() => "");
  return text.trim().split("\n").slice(-10).join("\n");
}

function pidFile(name: string): string {
  return statePath("pids", name);
}

function logFile(name: string): string {
  return statePath("logs", `${name}.log`);
}
