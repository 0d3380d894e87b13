import { endRunning } from "./run.ts";

/** A failure the user can act on. `message` says what is wrong, `remedy` what to do about it; no stack trace is shown. */
export class UserError extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UserError";
    this.remedy = remedy;
  }
}

/** Runs a command line program's main function. A failure ends it, and what it still runs, with exit code 1. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const text =
      error instanceof UserError
        ? `error: ${error.message}\n  what to do: ${error.remedy}`
        : `error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    process.stderr.write(`${text}\n`);
    process.exitCode = 1;
    endRunning();
  }
}
