import { SettingsError } from "./settings.ts";

export interface RunningService {
  /** Stops taking work, finishes what was begun, releases everything. */
  stop(): Promise<void>;
}

/** Runs a service as this process: starts it, and stops it on SIGTERM or SIGINT. */
export async function runService(start: () => Promise<RunningService>): Promise<void> {
  // Before the start, so that a signal that comes meanwhile ends the service in the same way.
  const toldToStop = new Promise<void>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => resolve());
  });
  try {
    const service = await start();
    await toldToStop;
    await service.stop();
  } catch (error) {
    const text = error instanceof SettingsError ? `error: ${error.message}` : `error: ${String(error)}`;
    process.stderr.write(`${text}\n`);
    process.exitCode = 1;
  }
}
