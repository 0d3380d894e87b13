import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseCluster } from "./cluster/choose.ts";
import { inventory } from "./cluster/leftovers.ts";
import { runMain } from "./lib/errors.ts";
import { say, step } from "./lib/steps.ts";

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

const PASSED: Counts = { passed: 1, failed: 0 };
const FAILED: Counts = { passed: 0, failed: 1 };

await runMain(async () => {
  const cluster = chooseCluster();
  await cluster.preflight();
  const wasRunning = existsSync(cluster.access.kubeconfig);
  const before = await inventory();
  const results = [
    await command("lint", "npm", ["run", "--silent", "lint"]),
    await command("types", "npm", ["run", "--silent", "types"]),
    await jest("unit"),
    await jest("component", "--runInBand"),
    await jest("e2e", "--runInBand"),
  ];
  if (!wasRunning) {
    await cluster.down();
    results.push(sameInventory(before, await inventory()));
  }
  const passed = results.reduce((sum, counts) => sum + counts.passed, 0);
  const failed = results.reduce((sum, counts) => sum + counts.failed, 0);
  say(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
});

/** Runs a command with its output shown as it comes; resolves to its exit code. */
function show(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}

/** A check that passes or fails as one. */
async function command(name: string, program: string, args: readonly string[]): Promise<Counts> {
  return (await step(name, () => show(program, args))) === 0 ? PASSED : FAILED;
}

/** One Jest project. A suite that could not even start counts as a failure. */
async function jest(project: string, ...options: readonly string[]): Promise<Counts> {
  const folder = await mkdtemp(join(tmpdir(), "aaa-test-"));
  const report = join(folder, "report.json");
  const args = ["run", "--silent", "jest", "--", "--selectProjects", project, "--json", `--outputFile=${report}`];
  try {
    const code = await step(`${project} tests`, () => show("npm", [...args, ...options]));
    const result = JSON.parse(await readFile(report, "utf8").catch(() => "{}")) as Record<string, number | undefined>;
    const { numPassedTests = 0, numFailedTests = 0, numRuntimeErrorTestSuites = 0 } = result;
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    return { passed: numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function sameInventory(before: readonly string[], after: readonly string[]): Counts {
  const left = after.filter((line) => !before.includes(line));
  if (left.length === 0) {
    say("  ✓ make down leaves nothing behind");
    return PASSED;
  }
  say(`  ✗ make down leaves behind:\n${left.map((line) => `      ${line}`).join("\n")}`);
  return FAILED;
}
