import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { run } from "../../lib/run.ts";
import { stateDir, statePath } from "./layout.ts";

const MARKER = ".made-by-aaa-cluster";

/** Makes the state folder. The marker in it is what allows `down` to remove it. */
export async function makeState(): Promise<void> {
  await mkdir(stateDir(), { recursive: true });
  await writeFile(statePath(MARKER), "");
}

/** Whether the state folder exists with something in it that is not ours. */
export async function isStateForeign(): Promise<boolean> {
  const entries: string[] = await readdir(stateDir()).catch(() => []);
  return entries.length > 0 && !entries.includes(MARKER);
}

export async function removeState(): Promise<void> {
  if (!existsSync(statePath(MARKER))) return;
  await run("rm", ["--recursive", "--force", "--one-file-system", stateDir()]);
}
