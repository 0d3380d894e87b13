import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { cacheRoot } from "./cache.ts";

/**
 * Runs `work` while no other process on this machine runs work of the same name on the same cache. The lock is held by
 * a child that lives as long as this process keeps its standard input open, so a killed process holds nothing.
 */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  await mkdir(cacheRoot(), { recursive: true });
  const holder = spawn("flock", [join(cacheRoot(), `.${name}.lock`), "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(holder, "exit");
  await Promise.race([once(holder.stdout, "data"), exited]);
  if (holder.exitCode !== null) throw new Error(`cannot lock ${name}: flock ended with ${holder.exitCode}`);
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await exited;
  }
}
