import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { type Usage, usageOf } from "../../lib/process-usage.ts";
import { endingWithParent } from "../../lib/run.ts";
import { until } from "../../lib/until.ts";
import { now } from "./clock.ts";
import type { Program } from "./programs.ts";

/** A controller under measurement, in a process of its own. */
export interface Subject extends AsyncDisposable {
  /** When its process was spawned, as `now` says it. */
  readonly spawnedAt: number;
  /** When its cache was started, and when it had reconciled every object once. */
  synced(): Promise<{ readonly startedAt: number; readonly syncedAt: number }>;
  usage(): Promise<Usage>;
  /** Ends it gently; resolves to how old each object's last update was when the handler saw it, in ms by name. */
  end(): Promise<Latencies>;
}

/** By an object's name, in ms. */
export type Latencies = ReadonlyMap<string, number>;

/** What the controllers print, one JSON object a line; times as `now` says them. */
interface Lines {
  started?: { readonly at: number };
  synced?: { readonly at: number };
  latencies?: { readonly ms: Readonly<Record<string, number>> };
}

const DEADLINE = { deadlineMs: 120_000, intervalMs: 25 };

/** Starts a controller with the given flags, name -> value. */
export function startSubject(program: Program, flags: Readonly<Record<string, string>>): Subject {
  const options = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const [command, ...args] = endingWithParent(...program.command, ...options);
  const spawnedAt = now();
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, ...program.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  const said = text(child.stderr);
  const lines: Lines = {};
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { event, ...fields } = JSON.parse(line) as { event: keyof Lines };
    Object.assign(lines, { [event]: fields });
  });
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const line = async <K extends keyof Lines>(event: K): Promise<NonNullable<Lines[K]>> => {
    await until(`${program.name} says ${event}`, () => lines[event] !== undefined || !isRunning(), DEADLINE);
    if (!isRunning()) await closed;
    const found = lines[event];
    if (found === undefined) throw new Error(`${program.name} ended before it said ${event}:\n${await said}`);
    return found;
  };
  return {
    spawnedAt,
    synced: async () => ({ startedAt: (await line("started")).at, syncedAt: (await line("synced")).at }),
    usage: () => usageOf(child.pid ?? 0),
    end: async () => {
      child.kill("SIGTERM");
      return new Map(Object.entries((await line("latencies")).ms));
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await closed;
    },
  };
}
