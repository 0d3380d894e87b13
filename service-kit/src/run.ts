import { setTimeout as sleep } from "node:timers/promises";
import { type Env, integerOf, SettingsError } from "./settings.ts";

// HAProxy of a gateway asks every second, and takes a server out after two answers that it is not ready.
const DRAIN_SECONDS = 4;

export interface RunningService {
  /** Says that it is not ready any more, so that nobody sends anything new, and goes on to answer. */
  drain?(): void;
  /** Stops taking work, finishes what was begun, releases everything. */
  stop(): Promise<void>;
}

/**
 * Runs a service as this process: starts it, and stops it on SIGTERM or SIGINT. After SIGTERM it first drains for DRAIN_SECONDS,
 * in which gateways notice and the connections that are in use come to their end.
 */
export async function runService(start: () => Promise<RunningService>, env: Env): Promise<void> {
  // Before the start, so that a signal that comes meanwhile ends the service in the same way.
  const toldToStop = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => resolve(name));
  });
  try {
    const drainSeconds = integerOf(env, "DRAIN_SECONDS", DRAIN_SECONDS, [0, 60]);
    const service = await start();
    const signal = await toldToStop;
    service.drain?.();
    // Whoever stops it at a terminal does not want to wait.
    if (signal === "SIGTERM") await sleep(drainSeconds * 1000);
    await service.stop();
  } catch (error) {
    const text = error instanceof SettingsError ? `error: ${error.message}` : `error: ${String(error)}`;
    process.stderr.write(`${text}\n`);
    process.exitCode = 1;
  }
}
