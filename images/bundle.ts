import { existsSync } from "node:fs";
import { cp, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
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
    onLoad({ filter: /\/node_modules\/.*\.[cm]?js$/ }, async ({ path }) => ({
      contents: await unmapped(path),
      loader: "js",
    })),
};

async function unmapped(path: string): Promise<string> {
  const map = btoa(JSON.stringify({ version: 3, sources: [basename(path)], mappings: "AAAA" }));
  return `${await readFile(path, "utf8")}\n//# sourceMappingURL=data:application/json;base64,${map}`;
}

const CLIENT = "kubernetes-client";
const LEFT_OUT = "left-out";
const NO_UNDICI = `
class LeftOut { constructor() { throw new Error("undici is not in this bundle: ask through node:https"); } }
export { LeftOut as Agent, LeftOut as ProxyAgent, LeftOut as fetch };
`;

/**
 * Leaves out what of the Kubernetes client is not used, which esbuild cannot know to be of no effect: its typed models of
 * every object there is, among others; and its HTTP client, since the operator asks through node:https. That is 40 MiB
 * of a process, which has but the client's configuration from it.
 */
const unusedClientLeftOut: Plugin = {
  name: "unused-client-left-out",
  setup: ({ onLoad, onResolve, resolve }) => {
    const withoutEffects = (path: string) => ({ path, namespace: CLIENT, sideEffects: false });
    onResolve({ filter: /^@kubernetes\/client-node$/, namespace: "file" }, async ({ path, kind, resolveDir }) =>
      withoutEffects((await resolve(path, { kind, resolveDir, namespace: LEFT_OUT })).path),
    );
    // It names its own files in full.
    onResolve({ filter: /^\..*\.js$/, namespace: CLIENT }, ({ path, resolveDir }) =>
      withoutEffects(join(resolveDir, path)),
    );
    onResolve({ filter: /^undici$/, namespace: CLIENT }, ({ path }) => ({ path, namespace: LEFT_OUT }));
    onLoad({ filter: /^undici$/, namespace: LEFT_OUT }, () => ({ contents: NO_UNDICI }));
    onLoad({ filter: /./, namespace: CLIENT }, async ({ path }) => ({
      contents: await unmapped(path),
      resolveDir: dirname(path),
    }));
  },
};

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
