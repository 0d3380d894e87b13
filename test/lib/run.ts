import { type ChildProcess, spawn } from "node:child_process";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Text for the command's standard input; without it there is none. */
  readonly input?: string;
  /** After this long the command is ended and the call rejects. */
  readonly timeoutMs?: number;
}

/** A command that exited with another code than 0; `stderr` holds all it said. */
export class CommandError extends Error {
  readonly code: number | null;
  readonly stderr: string;

  constructor(command: string, code: number | null, stdout: string, stderr: string) {
    const said = (stderr.trim() || stdout.trim()).split("\n").slice(-20).join("\n");
    super(`${command} ended with ${code ?? "a signal"}:\n${said}`);
    this.name = "CommandError";
    this.code = code;
    this.stderr = stderr;
  }
}

const running = new Set<ChildProcess>();

/** Ends every command that runs, so that a program that has failed does not work on for minutes. */
export function endRunning(): void {
  for (const child of running) child.kill();
}

/** Runs a command to its end and returns its standard output. Rejects with CommandError when it fails. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: "SIGKILL" as const }),
    });
    running.add(child);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      running.delete(child);
      const out = Buffer.concat(stdout).toString();
      if (code === 0) resolve(out);
      else reject(new CommandError([command, ...args].join(" "), code, out, Buffer.concat(stderr).toString()));
    });
    if (options.input !== undefined) child.stdin?.end(options.input);
  });
}

/** Whether a command exits with 0; its output is dropped. */
export async function succeeds(command: string, args: readonly string[], options: RunOptions = {}): Promise<boolean> {
  try {
    await run(command, args, options);
    return true;
  } catch {
    return false;
  }
}

/**
 * A command that ends when this process ends in whatever way, so that a killed test leaves nothing behind. Linux only;
 * elsewhere the command as it is.
 */
export function endingWithParent(command: string, ...args: readonly string[]): [string, ...string[]] {
  return process.platform === "linux" ? ["setpriv", "--pdeathsig", "KILL", command, ...args] : [command, ...args];
}
