import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { withLock } from "./lock.ts";

const outer = process.env.AAA_CACHE;
let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "aaa-lock-"));
  process.env.AAA_CACHE = cache;
});

afterEach(async () => {
  if (outer === undefined) delete process.env.AAA_CACHE;
  else process.env.AAA_CACHE = outer;
  await rm(cache, { recursive: true, force: true });
});

test("work under the same lock runs one after the other, also after a failure", async () => {
  const seen: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    seen.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(`${name} ends`);
    throw new Error(name);
  };
  await Promise.allSettled([withLock("x", work("one")), withLock("x", work("two")), withLock("x", work("three"))]);
  expect(seen).toHaveLength(6);
  for (const index of [0, 2, 4]) expect(seen[index + 1]).toBe(seen[index]?.replace("begins", "ends"));
});

test("a killed process holds no lock", async () => {
  const script = `import("${join(import.meta.dirname, "lock.ts")}").then(({ withLock }) => withLock("x", () => new Promise(() => { console.log("held"); setInterval(() => {}, 1000); })))`;
  const holder = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  holder.kill("SIGKILL");
  await expect(withLock("x", async () => "mine")).resolves.toBe("mine");
});
