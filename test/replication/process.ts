import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** A service in a process of its own, which can be killed; disposing does that. */
export interface ServiceProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Ends it as a power cut would, and waits until it is gone. */
  kill(): Promise<void>;
}

type ServiceName = "oss-service" | "node-service";

const mainOf = (service: ServiceName): string => new URL(`../../${service}/src/main.ts`, import.meta.url).pathname;

const envOf = (settings: Record<string, string>): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_OPTIONS: "",
  ...settings,
});

export function startService(
  service: ServiceName,
  settings: Record<string, string>,
  stderr: "inherit" | "pipe" = "inherit",
): ServiceProcess {
  const child = spawn(process.execPath, [mainOf(service)], {
    env: envOf(settings),
    stdio: ["ignore", "inherit", stderr],
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  };
  return { child, kill, [Symbol.asyncDispose]: kill };
}

/** What a command came to. */
export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of a service, as somebody would in its pod, to its end. */
export async function runCommand(
  service: ServiceName,
  args: readonly string[],
  { settings = {}, input = "" }: { readonly settings?: Record<string, string>; readonly input?: string } = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [mainOf(service), ...args], { env: envOf(settings), stdio: "pipe" });
  // One that reads nothing may have ended before it is written to.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { status: child.exitCode, stdout, stderr };
}
