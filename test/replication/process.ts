import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A service in a process of its own, which can be killed; disposing does that. */
export interface ServiceProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Ends it as a power cut would, and waits until it is gone. */
  kill(): Promise<void>;
}

export function startService(
  service: "oss-service" | "node-service",
  settings: Record<string, string>,
  stderr: "inherit" | "pipe" = "inherit",
): ServiceProcess {
  const main = new URL(`../../${service}/src/main.ts`, import.meta.url).pathname;
  const env = { ...process.env, NODE_OPTIONS: "", ...settings };
  const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "inherit", stderr] });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  };
  return { child, kill, [Symbol.asyncDispose]: kill };
}
