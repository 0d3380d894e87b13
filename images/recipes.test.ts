import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { IMAGE_NAMES, recipeOf } from "./recipes.ts";

test("every image has a Dockerfile, and every folder but base is an image", async () => {
  for (const name of IMAGE_NAMES) expect(existsSync(join(import.meta.dirname, name, "Dockerfile"))).toBe(true);
  const folders = (await readdir(import.meta.dirname, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).sort()).toEqual([...IMAGE_NAMES, "base"].sort());
});

test("the ref follows what the image is made from: its folder and its base", async () => {
  const [first, again, onOtherBase] = [
    await recipeOf("haproxy", "base 1"),
    await recipeOf("haproxy", "base 1"),
    await recipeOf("haproxy", "base 2"),
  ];
  expect(first.ref).toMatch(/^aaacluster\.io\/haproxy:[0-9a-f]{16}$/);
  expect(again.ref).toBe(first.ref);
  expect(onOtherBase.ref).not.toBe(first.ref);
});

test("a service's build context holds its bundle with source map and migrations", async () => {
  const outer = process.env.AAA_CACHE;
  const dir = await mkdtemp(join(tmpdir(), "aaa-context-"));
  process.env.AAA_CACHE = join(dir, "cache");
  try {
    await (await recipeOf("node-service", "base")).writeContext(dir);
    expect(await readdir(join(dir, "app"))).toEqual([
      "main.js",
      "main.js.LEGAL.txt",
      "main.js.map",
      "migrations",
      "package.json",
    ]);
    expect(await readFile(join(dir, "app/main.js"), "utf8")).toContain("sourceMappingURL=main.js.map");
    expect((await readdir(join(dir, "app/migrations"))).length).toBeGreaterThan(0);
  } finally {
    if (outer === undefined) delete process.env.AAA_CACHE;
    else process.env.AAA_CACHE = outer;
    await rm(dir, { recursive: true, force: true });
  }
});
