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

/** Whose the state folder is, if it exists with something in it. */
export async function stateOwner(): Promise<"none" | "ours" | "foreign"> {
  const entries: string[] = await readdir(stateDir()).catch(() => []);
  if (entries.length === 0) return "none";
  return entries.includes(MARKER) ? "ours" : "foreign";
}

export async function removeState(): Promise<void> {
  if (!existsSync(statePath(MARKER))) return;
  await run("rm", ["--recursive", "--force", "--one-file-system", stateDir()]);
}
