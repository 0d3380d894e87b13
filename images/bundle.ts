import { existsSync } from "node:fs";
import { cp, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build, type Plugin } from "esbuild";
import { cached, hashOfFiles } from "../test/lib/cache.ts";

const REPOSITORY = join(import.meta.dirname, "..");

// CommonJS dependencies call require() for Node's own modules; an ES module has none of its own.
const REQUIRE =
  'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);';

/**
 * Leaves the dependencies' lines out of the source map: at its first stack trace, and pino takes one when it starts, Node
 * decodes the whole map, which takes 50 MiB and 200 ms with them. Their frames then only say where in the bundle they are.
 */
const dependenciesUnmapped: Plugin = {
  name: "dependencies-unmapped",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/node_modules\/.*\.[cm]?js$/ }, async ({ path }) => {
      const map = btoa(JSON.stringify({ version: 3, sources: [basename(path)], mappings: "AAAA" }));
      const comment = `//# sourceMappingURL=data:application/json;base64,${map}`;
      return { contents: `${await readFile(path, "utf8")}\n${comment}`, loader: "js" };
    }),
};

/**
 * Leaves out what of the Kubernetes client is not used, which esbuild cannot know to be of no effect: its typed models of
 * every object there is, among others. A process that needs but its configuration has 20 MiB less with it.
 */
const unusedClientLeftOut: Plugin = {
  name: "unused-client-left-out",
  setup: ({ onResolve, resolve }) =>
    onResolve({ filter: /^(\.|@kubernetes\/client-node$)/ }, async ({ path, pluginData, ...where }) => {
      const isOfClient = path.startsWith("@") || where.importer.includes("/@kubernetes/client-node/");
      if (!isOfClient || pluginData === RESOLVING) return undefined;
      const { kind, importer, resolveDir } = where;
      const resolved = await resolve(path, { kind, importer, resolveDir, pluginData: RESOLVING });
      return { ...resolved, sideEffects: false };
    }),
};
const RESOLVING = Symbol("resolving");

/**
 * The folder of a service as one file that needs nothing but Node, with its source map, and its migrations where it has
 * some. Equal sources give an equal folder; while no source changes, nothing is bundled.
 */
export async function bundleOf(service: string): Promise<string> {
  const { workspaces } = JSON.parse(await readFile(join(REPOSITORY, "package.json"), "utf8"));
  const sources = (workspaces as readonly string[]).map((workspace) => join(REPOSITORY, workspace, "src"));
  const key = await hashOfFiles(import.meta.filename, join(REPOSITORY, "package-lock.json"), ...sources);
  return cached(`bundle-${service}`, key, async (dir) => {
    await writeBundle(join(service, "src/main.ts"), dir);
    const migrations = join(REPOSITORY, service, "src/migrations");
    if (existsSync(migrations)) await cp(migrations, join(dir, "migrations"), { recursive: true });
  });
}

/** Writes an entry point of this repository, with all that it imports, into a folder as `main.js` and its source map. */
export async function writeBundle(entryPoint: string, dir: string): Promise<void> {
  const { outputFiles } = await build({
    absWorkingDir: REPOSITORY,
    entryPoints: [entryPoint],
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
    // In a file of their own: one letter beyond Latin-1 in a name there, and Node keeps the text in twice the memory.
    legalComments: "linked",
    logLevel: "error",
    plugins: [unusedClientLeftOut, dependenciesUnmapped],
  });
  for (const { path, contents } of outputFiles) await writeFile(join(dir, basename(path)), contents);
  await writeFile(join(dir, "package.json"), '{ "type": "module" }\n');
}
