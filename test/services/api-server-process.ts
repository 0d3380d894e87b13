import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { endingWithParent } from "../lib/run.ts";
import { until } from "../lib/until.ts";

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const SHOWN_LINES = 20;

/** A program on this machine, as the user who runs the tests. On Linux it ends with the process that started it. */
export interface Program {
  readonly pid: number;
  isRunning(): boolean;
  /** Polls until `probe` resolves to true; rejects with the program's last words when it ends first or is too late. */
  until(what: string, probe: () => Promise<boolean>): Promise<void>;
  /** Sends a signal and resolves when the program has ended; after 30 seconds it is killed. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

/**
 * Starts a program whose output is appended to a file.
 * @param flags name -> value, without the leading `--`
 */
export function startProgram(path: string, flags: Readonly<Record<string, string>>, logFile: string): Promise<Program> {
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  return startCommand([path, ...args], logFile);
}

/** Starts a command whose output is appended to a file; without an environment it gets this process's own. */
export async function startCommand(
  [path, ...args]: readonly [string, ...string[]],
  logFile: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Program> {
  const [command, ...rest] = endingWithParent(path, ...args);
  await using log = await open(logFile, "a");
  const child = spawn(command, rest, { stdio: ["ignore", log.fd, log.fd], env });
  await once(child, "spawn");
  const exited = once(child, "exit");
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? 0,
    isRunning,
    until: async (what, probe) => {
      const lastWords = async (): Promise<string> =>
        (await readFile(logFile, "utf8")).trim().split("\n").slice(-SHOWN_LINES).join("\n");
      await until(`${path} ${what}`, async () => !isRunning() || probe(), {
        deadlineMs: READY_TIMEOUT_MS,
        intervalMs: 25,
      }).catch(async (error: Error) => {
        throw new Error(`${error.message}\n${await lastWords()}`, { cause: error });
      });
      if (!isRunning()) throw new Error(`${path} ended before it ${what}:\n${await lastWords()}`);
    },
    end: async (signal) => {
      if (!isRunning()) return;
      child.kill(signal);
      const force = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(force);
    },
  };
}
