import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseCluster } from "./cluster/choose.ts";
import { inventory } from "./cluster/leftovers.ts";
import { runMain } from "./lib/errors.ts";
import { treeOf } from "./lib/process-tree.ts";
import { say, step } from "./lib/steps.ts";

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** How long Jest may take to end once its report is written, when nothing is left open. */
const JEST_END_MS = 60_000;

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

/** Runs a command with its output shown as it comes; resolves to its exit code. An abort kills it and all it started. */
async function show(program: string, args: readonly string[], signal?: AbortSignal): Promise<number> {
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
  const killAll = async (): Promise<void> => {
    for (const pid of await treeOf(child.pid ?? 0)) process.kill(pid, "SIGKILL");
  };
  signal?.addEventListener("abort", () => void killAll().catch(() => {}), { once: true });
  const [code] = await once(child, "close");
  return code ?? 1;
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
  const stuck = new AbortController();
  const watch = watchEnd(report, stuck);
  try {
    const code = await step(`${project} tests`, () => show("npm", [...args, ...options], stuck.signal));
    if (stuck.signal.aborted) say(`  ✗ ${project} tests did not end: one of them has left something open`);
    const result = JSON.parse(await readFile(report, "utf8").catch(() => "{}")) as Record<string, number | undefined>;
    const { numPassedTests = 0, numFailedTests = 0, numRuntimeErrorTestSuites = 0 } = result;
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    return { passed: numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed };
  } finally {
    clearInterval(watch);
    await rm(folder, { recursive: true });
  }
}

/** Aborts when Jest has long written its report: what a test has left open would keep it for ever. */
function watchEnd(report: string, stuck: AbortController): NodeJS.Timeout {
  return setInterval(() => {
    const writtenAt = statSync(report, { throwIfNoEntry: false })?.mtimeMs;
    if (writtenAt !== undefined && Date.now() - writtenAt > JEST_END_MS) stuck.abort();
  }, 1_000);
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
