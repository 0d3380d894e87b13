import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, hashOf, hashOfFiles } from "../lib/cache.ts";
import { run } from "../lib/run.ts";
import { step } from "../lib/steps.ts";

const TOOLS = join(import.meta.dirname, "tools");

/** The folders of `tools/`: each is a Go module whose go.mod pins programs and everything they are made of. */
export type ToolName = "coredns" | "etcd" | "helm" | "kubernetes" | "local-path" | "node";

/** The folder with the programs of a tool, built from its pinned sources the first time. */
export async function builtTool(name: ToolName): Promise<string> {
  const source = join(TOOLS, name);
  const key = hashOf(await hashOfFiles(source), process.arch);
  return cached(`tool-${name}`, key, async (dir) => {
    await step(`Build ${name} from source`, () => build(source, dir));
    if ((await readdir(dir)).length === 0) throw new Error(`building ${name} made no program`);
  });
}

async function build(source: string, dir: string): Promise<void> {
  const flags = ["-s", "-w", ...versionFlags(await readFile(join(source, "go.mod"), "utf8"))];
  const args = ["build", "-trimpath", `-ldflags=${flags.join(" ")}`, "-o", `${dir}/`, "./...", "tool"];
  await run("go", args, { cwd: source, env: { CGO_ENABLED: "0" } });
}

/** Pure: linker flags that tell Kubernetes' programs their version, which Helm charts and clients ask for. */
export function versionFlags(goMod: string): string[] {
  const [, version, major, minor] = /^\s*k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\S+)/m.exec(goMod) ?? [];
  if (version === undefined) return [];
  const values = Object.entries({ gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: "clean" });
  return values.map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
}
