import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";

const REPOSITORY = join(import.meta.dirname, "..");

// CommonJS dependencies call require() for Node's own modules; an ES module has none of its own.
const REQUIRE =
  'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);';

/** The files of a service's /app folder: path -> content. */
export type Bundle = Readonly<Record<string, string>>;

/** One service as one file that needs nothing but Node, with its source map, and its migrations where it has some. */
export async function bundleService(service: string): Promise<Bundle> {
  const { outputFiles } = await build({
    absWorkingDir: REPOSITORY,
    entryPoints: [`${service}/src/main.ts`],
    outfile: "app/main.js",
    bundle: true,
    write: false,
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
  return {
    "package.json": '{ "type": "module" }\n',
    ...Object.fromEntries(outputFiles.map((file) => [basename(file.path), file.text])),
    ...(await migrationsOf(join(REPOSITORY, service, "src/migrations"))),
  };
}

async function migrationsOf(dir: string): Promise<Bundle> {
  if (!existsSync(dir)) return {};
  const names = (await readdir(dir)).filter((name) => name.endsWith(".sql")).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [`migrations/${name}`, await readFile(join(dir, name), "utf8")])),
  );
}
