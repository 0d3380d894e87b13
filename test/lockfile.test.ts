import { readFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";

interface Package {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lockfile = new URL("../package-lock.json", import.meta.url);
const { packages } = JSON.parse(await readFile(lockfile, "utf8")) as { packages: Record<string, Package> };

// npm leaves out what a registry does not have for some platform, and `npm ci` then refuses the lockfile.
test("the lockfile holds every optional package of every platform", () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
    ),
  );
  expect(missing).toEqual([]);
});

test("the lockfile names no registry", () => {
  const named = Object.values(packages).filter(({ resolved = "" }) => /^https?:/.test(resolved));
  expect(named).toEqual([]);
});
