import { availableParallelism } from "node:os";
import { UserError } from "../../lib/errors.ts";
import { run } from "../../lib/run.ts";
import { treeOf } from "./process-tree.ts";

/** What is measured has this core for itself, with its database. */
export const SUBJECT_CORE = 0;
/** Who sends the load has this one, with all else that has to run. */
export const LOAD_CORE = 1;

/** Throws UserError on a machine on which nothing can have a core for itself, or whose CPU seconds cannot be read. */
export function requireCores(): void {
  if (process.platform !== "linux") throw new UserError("this bench reads /proc", "run it on Linux");
  if (availableParallelism() > Math.max(SUBJECT_CORE, LOAD_CORE)) return;
  throw new UserError("this bench needs two cores: one for what is measured, one for the load", "run it on more cores");
}

/** Lets a process, all that descend from it and all that will, run on one core alone. */
export async function pin(pid: number, core: number): Promise<void> {
  for (const each of await treeOf(pid)) {
    // Whatever has ended meanwhile needs no core any more.
    await run("taskset", ["--all-tasks", "--cpu-list", "--pid", String(core), String(each)]).catch(() => {});
  }
}
