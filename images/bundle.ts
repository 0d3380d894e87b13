import { existsSync } from "node:fs";
import { cp, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { cached, hashOfFiles } from "../test/lib/cache.ts";

const REPOSITORY = join(import.meta.dirname, "..");

// CommonJS dependencies call require() for Node's own modules; an ES module has none of its own.
const REQUIRE =
  'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);';

/**
 * The folder of a service as one file that needs nothing but Node, with its source map, and its migrations where it has
 * some. Equal sources give an equal folder; while no source changes, nothing is bundled.
 */
export async function bundleOf(service: string): Promise<string> {
  const { workspaces } = JSON.parse(await readFile(join(REPOSITORY, "package.json"), "utf8"));
  const sources = (workspaces as readonly string[]).map((workspace) => join(REPOSITORY, workspace, "src"));
  const key = await hashOfFiles(import.meta.filename, join(REPOSITORY, "package-lock.json"), ...sources);
  return cached(`bundle-${service}`, key, (dir) => writeBundle(service, dir));
}

async function writeBundle(service: string, dir: string): Promise<void> {
  const { outputFiles } = await build({
    absWorkingDir: REPOSITORY,
    entryPoints: [`${service}/src/main.ts`],
    // Sources are named relative to this place, which is the same in every clone and for every cache.
    outfile: "app/main.js",
    write: false,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    banner: { js: REQUIRE },
    minifyWhitespace: true,
    keepNames: true,
    sourcemap: "linked",
    sourcesContent: false,
    logLevel: "error",
  });
  for (const { path, contents } of outputFiles) await writeFile(join(dir, basename(path)), contents);
  await writeFile(join(dir, "package.json"), '{ "type": "module" }\n');
  const migrations = join(REPOSITORY, service, "src/migrations");
  if (existsSync(migrations)) await cp(migrations, join(dir, "migrations"), { recursive: true });
}
