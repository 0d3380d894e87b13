import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "@jest/globals";

const CORE = import.meta.dirname;
const OPERATOR = join(CORE, "..");

/** Every import from a file of production code below a folder to a file of ours: [importer, imported]. */
function importsBelow(folder: string): (readonly [string, string])[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.includes("testing/"),
  );
  expect(files.length).toBeGreaterThan(10);
  return files.flatMap((file) =>
    [...readFileSync(join(folder, file), "utf8").matchAll(/from "(\.[^"]+)"/g)].map(
      ([, path = ""]) => [join(folder, file), join(folder, file, "..", path)] as const,
    ),
  );
}

const named = ([from, to]: readonly [string, string]): string =>
  `${relative(OPERATOR, from)} imports ${relative(OPERATOR, to)}`;

test("the core imports nothing from the rest of the operator", () => {
  expect(
    importsBelow(CORE)
      .filter(([, to]) => !to.startsWith(CORE))
      .map(named),
  ).toEqual([]);
});

test("the rest of the operator imports nothing of the core but its public surface", () => {
  const outside = importsBelow(OPERATOR).filter(([from]) => !from.startsWith(CORE));
  const inside = outside.filter(([, to]) => to.startsWith(CORE) && to !== join(CORE, "index.ts"));
  expect(inside.map(named)).toEqual([]);
});
