import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runMain } from "./lib/errors.ts";
import { say, step } from "./lib/steps.ts";

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

const JEST = ["node", ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning", "node_modules/.bin/jest"]];

/** Runs a command with its output shown as it comes; resolves to its exit code. */
function show(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}

/** A check that passes or fails as one. */
async function check(name: string, command: string, args: readonly string[]): Promise<Counts> {
  const code = await step(name, () => show(command, args));
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** One Jest project; a suite that could not even start counts as a failure. */
async function jest(project: string, ...options: readonly string[]): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), "aaa-test-"));
  const report = join(folder, "report.json");
  try {
    const [command, base] = JEST as [string, string[]];
    const args = [...base, "--selectProjects", project, "--json", `--outputFile=${report}`, ...options];
    const code = await step(`${project} tests`, () => show(command, args));
    const result = JSON.parse(await readFile(report, "utf8").catch(() => "{}")) as Record<string, number | undefined>;
    const failed = (result.numFailedTests ?? 0) + (result.numRuntimeErrorTestSuites ?? 0);
    return { passed: result.numPassedTests ?? 0, failed: code !== 0 && failed === 0 ? 1 : failed };
  } finally {
    await rm(folder, { recursive: true });
  }
}

await runMain(async () => {
  const results = [
    await check("lint", "npm", ["run", "--silent", "lint"]),
    await check("types", "npm", ["run", "--silent", "types"]),
    await jest("unit"),
    await jest("component", "--runInBand"),
    await jest("e2e", "--runInBand"),
  ];
  const passed = results.reduce((sum, { passed }) => sum + passed, 0);
  const failed = results.reduce((sum, { failed }) => sum + failed, 0);
  say(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
});
