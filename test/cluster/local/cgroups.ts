import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { until } from "../../lib/until.ts";

const V2_ROOT = "/sys/fs/cgroup";

/**
 * The mount points under which a control group has to be made: with cgroup v1 one for each controller, with v2 one,
 * and with both (v2 has no controllers then) all of them.
 * @param mounts the text of /proc/self/mounts
 */
export function hierarchiesOf(mounts: string): string[] {
  return cgroupMounts(mounts).map(({ path }) => path);
}

/** Pure: the controllers of cgroup v1 that are mounted writable, by the text of /proc/self/mounts. */
export function controllersOf(mounts: string): string[] {
  return cgroupMounts(mounts).flatMap(({ type, options }) =>
    type === "cgroup" && options.includes("rw") ? options : [],
  );
}

/** The controllers that a control group of ours would have, of cgroup v1 and v2. */
export async function mountedControllers(): Promise<string[]> {
  const mounts = await usableMounts().catch(() => "");
  const unified = await readFile(join(V2_ROOT, "cgroup.controllers"), "utf8").catch(() => "");
  return [...controllersOf(mounts), ...unified.trim().split(" ")];
}

function cgroupMounts(mounts: string): { type: string; path: string; options: string[] }[] {
  return mounts
    .split("\n")
    .map((line) => line.split(" "))
    .map(([, path = "", type = "", options = ""]) => ({ type, path, options: options.split(",") }))
    .filter(({ type }) => type === "cgroup" || type === "cgroup2");
}

async function hierarchies(): Promise<string[]> {
  return hierarchiesOf(await usableMounts());
}

/** The lines of /proc/self/mounts without control groups that cannot be seen, because something is mounted over them. */
async function usableMounts(): Promise<string> {
  const lines = (await readFile("/proc/self/mounts", "utf8")).split("\n");
  const isUsable = (line: string): boolean =>
    cgroupMounts(line).every(({ path }) => existsSync(join(path, "cgroup.procs")));
  return lines.filter(isUsable).join("\n");
}

/** Makes a control group (such as `aaa-cluster/n1`) in every hierarchy, with its parents. */
export async function createCgroup(group: string): Promise<void> {
  for (const root of await hierarchies()) {
    const parts = group.split("/");
    for (let depth = 1; depth <= parts.length; depth++) await createIn(root, join(root, ...parts.slice(0, depth)));
  }
}

async function createIn(root: string, path: string): Promise<void> {
  if (root === V2_ROOT) await enableControllers(dirname(path));
  await mkdir(path, { recursive: true });
  // With cgroup v1 a new cpuset is empty, and no process may enter it.
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if (root === V2_ROOT || !existsSync(join(path, file))) continue;
    if ((await readFile(join(path, file), "utf8")).trim() !== "") continue;
    await writeFile(join(path, file), await readFile(join(dirname(path), file)));
  }
}

async function enableControllers(parent: string): Promise<void> {
  const controllers = (await readFile(join(parent, "cgroup.controllers"), "utf8")).trim().split(" ");
  const wanted = controllers.filter((name) => name !== "").map((name) => `+${name}`);
  await writeFile(join(parent, "cgroup.subtree_control"), wanted.join(" "));
}

/** The `cgroup.procs` files of a control group: a process that writes its id to all of them is in the group. */
export async function procsFiles(group: string): Promise<string[]> {
  return (await hierarchies()).map((root) => join(root, group, "cgroup.procs"));
}

/** The ids of the processes in a control group and all below it. */
export async function processesIn(group: string): Promise<number[]> {
  const ids = new Set<number>();
  for (const root of await hierarchies()) {
    for (const path of await groupsBelow(join(root, group))) {
      const text = await readFile(join(path, "cgroup.procs"), "utf8").catch(() => "");
      for (const line of text.split("\n")) if (line !== "") ids.add(Number(line));
    }
  }
  return [...ids];
}

/** Ends every process in a control group and all below it, and removes the groups. */
export async function removeCgroup(group: string): Promise<void> {
  await until(
    `every process in ${group} has ended`,
    async () => {
      const ids = await processesIn(group);
      for (const id of ids) signal(id);
      return ids.length === 0;
    },
    { deadlineMs: 30_000, intervalMs: 50 },
  );
  const remove = async (): Promise<boolean> => {
    for (const root of await hierarchies()) {
      for (const path of (await groupsBelow(join(root, group))).reverse()) await rmdir(path);
    }
    return true;
  };
  await until(`the control group ${group} is gone`, remove, { deadlineMs: 10_000, intervalMs: 50 });
}

function signal(id: number): void {
  try {
    process.kill(id, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** A control group and all below it, parents first; none when it does not exist. */
async function groupsBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  if (!existsSync(path)) return [];
  const below = entries.filter((entry) => entry.isDirectory()).map((entry) => groupsBelow(join(path, entry.name)));
  return [path, ...(await Promise.all(below)).flat()];
}
