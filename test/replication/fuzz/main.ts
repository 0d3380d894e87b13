import { runMain, UserError } from "../../lib/errors.ts";
import { say } from "../../lib/steps.ts";
import { LENGTH_MS, printFailure, runSeed } from "./run.ts";
import { startServers } from "./servers.ts";

const DEFAULT_SEEDS = 1_000;

// Seed after seed until one fails.
await runMain(async () => {
  const one = numberIn("SEED");
  const lengthMs = (numberIn("FAULT_SECONDS") ?? LENGTH_MS / 1000) * 1000;
  const from = one ?? numberIn("FROM") ?? 1;
  const count = one === null ? (numberIn("SEEDS") ?? DEFAULT_SEEDS) : 1;
  const seeds = Array.from({ length: count }, (_, index) => from + index);
  await using servers = await startServers();
  let passed = 0;
  for (const seed of seeds) {
    const startedAt = performance.now();
    const result = await runSeed(servers, seed, lengthMs);
    const took = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
    if (result.breaches.length > 0) {
      say(`seed ${seed}: failed after ${took}`);
      say(printFailure(result));
      process.exitCode = 1;
      break;
    }
    const { accepted, refused, unknown } = result.writes;
    const writes = `${accepted} writes accepted, ${refused} refused, ${unknown} without an answer`;
    const faults = `${result.injected.length} of ${result.plan.faults.length} faults`;
    const { reported, acknowledged } = result.records;
    const records = `${acknowledged} of ${reported} accounting records acknowledged`;
    say(`seed ${seed}: ok in ${took}, ${faults}, ${writes}, ${records}`);
    passed += 1;
  }
  say(`${passed} of ${seeds.length} seeds passed`);
});

/** A whole number from the environment, or null when it is not there. */
function numberIn(variable: string): number | null {
  const text = process.env[variable] ?? "";
  if (text === "") return null;
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new UserError(`${variable} is "${text}"`, `set ${variable} to a whole number from 1`);
}
