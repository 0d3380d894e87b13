import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where everything that is slow to make is kept, outside the repository. AAA_CACHE moves it. */
export function cacheRoot(): string {
  return process.env.AAA_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "aaa-cluster");
}

/** A short hash of texts, for use as a cache key. */
export function hashOf(...parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, 16);
}

/** A short hash of every file below the given files and folders, by content and path below them: equal in every clone. */
export async function hashOfFiles(...paths: readonly string[]): Promise<string> {
  const parts: string[] = [];
  const visit = async (path: string, name: string): Promise<void> => {
    if ((await stat(path)).isDirectory()) {
      for (const entry of (await readdir(path)).sort()) {
        if (entry !== "node_modules" && entry !== "dist") await visit(join(path, entry), `${name}/${entry}`);
      }
    } else parts.push(name, await readFile(path, "latin1"));
  };
  for (const path of paths) await visit(path, "");
  return hashOf(...parts);
}

/**
 * The folder `<cache>/<name>/<key>`, made once by `make` and then reused. `make` fills a temporary folder that is
 * renamed when it is whole, so an interrupted run leaves nothing half made. Other keys of the same name are kept
 * for `keep` more uses (default 1) and then removed.
 */
export async function cached(
  name: string,
  key: string,
  make: (dir: string) => Promise<void>,
  { keep = 1 }: { keep?: number } = {},
): Promise<string> {
  const parent = join(cacheRoot(), name);
  const dir = join(parent, key);
  if (!existsSync(dir)) {
    const partial = join(parent, `.partial-${key}-${process.pid}`);
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    try {
      await make(partial);
      await rename(partial, dir);
    } catch (error) {
      await rm(partial, { recursive: true, force: true });
      throw error;
    }
  }
  const now = new Date();
  await utimes(dir, now, now);
  await removeOldest(parent, keep + 1);
  return dir;
}

async function removeOldest(parent: string, keep: number): Promise<void> {
  const entries = (await readdir(parent)).filter((entry) => !entry.startsWith("."));
  const dated = await Promise.all(
    entries.map(async (entry) => ({ entry, at: (await stat(join(parent, entry))).mtimeMs })),
  );
  for (const { entry } of dated.sort((a, b) => b.at - a.at).slice(keep)) {
    await rm(join(parent, entry), { recursive: true, force: true });
  }
}
