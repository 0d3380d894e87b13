import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cached, hashOf } from "../lib/cache.ts";
import { UserError } from "../lib/errors.ts";
import { ensureInstalled, findCommand } from "../lib/packages.ts";
import { CommandError, run } from "../lib/run.ts";
import { step } from "../lib/steps.ts";

/** What is used where the machine's own Go is missing or older. */
const GO_VERSION = "1.26.8";
const PROXY_TIMEOUT_MS = 10_000;
const PROXY_COMPLAINT =
  /dial tcp|no such host|i\/o timeout|connection refused|Bad Gateway|Forbidden|proxyconnect|TLS handshake|by GOPROXY/;

/** Runs `go build` in the folder of a module; it fetches what is not there yet. */
export async function goBuild(source: string, args: readonly string[]): Promise<void> {
  await explained(run(await recentGo(), ["build", ...args], { cwd: source, env: { CGO_ENABLED: "0" } }));
}

/** Rejects with UserError when neither the module proxy nor this machine has a module (`path@version`). */
export async function checkModule(module: string): Promise<void> {
  const go = findCommand("go");
  if (go === null) return;
  // Outside of any module, so that go.mod files do not matter.
  const cwd = await mkdtemp(join(tmpdir(), "aaa-go-"));
  try {
    await explained(run(go, ["list", "-m", module], { cwd, timeoutMs: PROXY_TIMEOUT_MS }));
  } finally {
    await rm(cwd, { recursive: true });
  }
}

/** A Go that is new enough: the machine's own, else one that an older Go fetches from the module proxy. */
async function recentGo(): Promise<string> {
  const own = findCommand("go");
  if (own !== null && isRecent(await run(own, ["env", "GOVERSION"]))) return own;
  await ensureInstalled({ go: "golang-go" });
  return join(await fetchedGo(), "bin", "go");
}

/** Pure: whether `go env GOVERSION` names GO_VERSION's minor version or a later one. */
export function isRecent(version: string): boolean {
  const minor = (text: string): number => Number(/^(?:go)?1\.(\d+)/.exec(text.trim())?.[1] ?? 0);
  return minor(version) >= minor(GO_VERSION);
}

async function fetchedGo(): Promise<string> {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const toolchain = `golang.org/toolchain@v0.0.1-go${GO_VERSION}.linux-${architecture}`;
  return cached("go-toolchain", hashOf(toolchain), (dir) =>
    step(`Fetch Go ${GO_VERSION}`, async () => {
      const download = await explained(run("go", ["mod", "download", "-json", toolchain], { cwd: dir }));
      const { Dir } = JSON.parse(download) as { Dir: string };
      await run("cp", ["--recursive", "--no-preserve=mode", `${Dir}/.`, dir]);
      // Modules carry no permissions.
      const tools = join(dir, "pkg", "tool");
      const folders = [join(dir, "bin"), ...(await readdir(tools)).map((name) => join(tools, name))];
      for (const folder of folders) {
        for (const program of await readdir(folder)) await chmod(join(folder, program), 0o755);
      }
    }),
  );
}

/** Turns what Go says when it cannot fetch a module into a message for the user. */
async function explained(output: Promise<string>): Promise<string> {
  try {
    return await output;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const said = proxyComplaint(error);
    if (said === null) throw error;
    const remedy = "check the network and `go env GOPROXY`, then run this again: what was fetched and built is kept";
    throw new UserError(`the Go module proxy does not answer: ${said}`, remedy, { cause: error });
  }
}

/** Pure: the line in which Go says that it could not fetch a module, or null when it failed at something else. */
export function proxyComplaint({ code, stderr }: { code: number | null; stderr: string }): string | null {
  if (code === null) return `nothing came for ${PROXY_TIMEOUT_MS / 1000} s`;
  const line = stderr.split("\n").find((text) => PROXY_COMPLAINT.test(text));
  return line?.trim() ?? null;
}
