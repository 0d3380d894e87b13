import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, cacheRoot, hashOf, hashOfFiles } from "../lib/cache.ts";
import { step } from "../lib/steps.ts";
import { checkModule, goBuild } from "./go.ts";

const TOOLS = join(import.meta.dirname, "tools");
const KUBERNETES = /^\s*k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\S+)/m;

/** The folders of `tools/`: each is a Go module whose go.mod pins programs and everything they are made of. */
export const TOOL_NAMES = ["kubernetes", "etcd", "local-path", "node"] as const;
export type ToolName = (typeof TOOL_NAMES)[number];

/** The folder with the programs of a tool, built from its pinned sources the first time. */
export async function builtTool(name: ToolName): Promise<string> {
  return cached(cacheName(name), await keyOf(name), (dir) => step(`Build ${name} from source`, () => build(name, dir)));
}

/** Rejects with UserError when a tool has still to be built and its sources cannot be had. */
export async function checkSources(): Promise<void> {
  for (const name of TOOL_NAMES) {
    if (existsSync(join(cacheRoot(), cacheName(name), await keyOf(name)))) continue;
    const [, version] = KUBERNETES.exec(await goMod("kubernetes")) ?? [];
    await checkModule(`k8s.io/kubernetes@${version}`);
    return;
  }
}

async function build(name: ToolName, dir: string): Promise<void> {
  const flags = ["-s", "-w", ...versionFlags(await goMod(name))];
  await goBuild(join(TOOLS, name), ["-trimpath", `-ldflags=${flags.join(" ")}`, "-o", `${dir}/`, "./...", "tool"]);
}

/** Pure: linker flags that tell Kubernetes' programs their version, which Helm charts and clients ask for. */
export function versionFlags(goMod: string): string[] {
  const [, version, major, minor] = KUBERNETES.exec(goMod) ?? [];
  if (version === undefined) return [];
  const values = Object.entries({ gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: "clean" });
  return values.map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
}

function cacheName(name: ToolName): string {
  return `tool-${name}`;
}

async function keyOf(name: ToolName): Promise<string> {
  return hashOf(await hashOfFiles(join(TOOLS, name)), process.arch);
}

function goMod(name: ToolName): Promise<string> {
  return readFile(join(TOOLS, name, "go.mod"), "utf8");
}
