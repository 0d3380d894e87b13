import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { chooseCluster } from "./cluster/choose.ts";
import { inventory } from "./cluster/leftovers.ts";
import { runMain } from "./lib/errors.ts";
import { treeOf } from "./lib/process-tree.ts";
import { say, step } from "./lib/steps.ts";

interface Outcome {
  readonly passed: number;
  /** The name of each thing that failed. */
  readonly failures: readonly string[];
}

/** What is read of Jest's report, as `--json` writes it. */
interface JestReport {
  readonly numPassedTests?: number;
  readonly testResults?: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** How long Jest may take to end once its report is written, when nothing is left open. */
const JEST_END_MS = 60_000;

const PASSED: Outcome = { passed: 1, failures: [] };

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
  const passed = results.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failures = results.flatMap((outcome) => outcome.failures);
  for (const failure of failures) say(`  ✗ ${failure}`);
  say(`${passed} passed, ${failures.length} failed`);
  if (failures.length > 0) process.exitCode = 1;
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
async function command(name: string, program: string, args: readonly string[]): Promise<Outcome> {
  return (await step(name, () => show(program, args))) === 0 ? PASSED : failed(name);
}

/** One Jest project. A suite that could not even start counts as a failure. */
async function jest(project: string, ...options: readonly string[]): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), "aaa-test-"));
  const report = join(folder, "report.json");
  const args = ["run", "--silent", "jest", "--", "--selectProjects", project, "--json", `--outputFile=${report}`];
  const stuck = new AbortController();
  const watch = watchEnd(report, stuck);
  try {
    const code = await step(`${project} tests`, () => show("npm", [...args, ...options], stuck.signal));
    const result = JSON.parse(await readFile(report, "utf8").catch(() => "{}")) as JestReport;
    const failures = failuresIn(result);
    if (stuck.signal.aborted) failures.push(`${project} tests did not end: one of them has left something open`);
    if (code !== 0 && failures.length === 0) failures.push(`${project} tests ended with ${code}`);
    return { passed: result.numPassedTests ?? 0, failures };
  } finally {
    clearInterval(watch);
    await rm(folder, { recursive: true });
  }
}

/** The tests that failed, each with its file; of a suite that could not start, the file. */
function failuresIn({ testResults = [] }: JestReport): string[] {
  return testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(process.cwd(), name);
    const tests = assertionResults.filter((test) => test.status === "failed");
    if (tests.length === 0 && status === "failed") return [file];
    return tests.map((test) => `${file}: ${test.fullName}`);
  });
}

/** Aborts when Jest has long written its report: what a test has left open would keep it for ever. */
function watchEnd(report: string, stuck: AbortController): NodeJS.Timeout {
  return setInterval(() => {
    const writtenAt = statSync(report, { throwIfNoEntry: false })?.mtimeMs;
    if (writtenAt !== undefined && Date.now() - writtenAt > JEST_END_MS) stuck.abort();
  }, 1_000);
}

function sameInventory(before: readonly string[], after: readonly string[]): Outcome {
  const left = after.filter((line) => !before.includes(line));
  if (left.length > 0) return failed(`make down leaves behind: ${left.join(", ")}`);
  say("  ✓ make down leaves nothing behind");
  return PASSED;
}

function failed(what: string): Outcome {
  return { passed: 0, failures: [what] };
}
