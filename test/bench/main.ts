import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { runMain, UserError } from "../lib/errors.ts";
import { say } from "../lib/steps.ts";

/** What `<name>/bench.ts` exports as `bench`: it says on the way what it does and resolves to its figures. */
export type Bench = () => Promise<object>;

await runMain(async () => {
  const names = await benchNames();
  const name = process.argv[2] ?? "";
  if (!names.includes(name)) {
    const problem = name === "" ? "which bench?" : `no bench is called ${name}`;
    throw new UserError(problem, names.map((known) => `make bench NAME=${known}`).join(", or "));
  }
  const { bench } = (await import(`./${name}/bench.ts`)) as { readonly bench: Bench };
  say(JSON.stringify(await bench()));
});

async function benchNames(): Promise<string[]> {
  const entries = await readdir(import.meta.dirname);
  return entries.filter((entry) => existsSync(join(import.meta.dirname, entry, "bench.ts"))).sort();
}
