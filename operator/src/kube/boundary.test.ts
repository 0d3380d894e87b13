import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

test("the core imports nothing from the rest of the operator", () => {
  const folder = import.meta.dirname;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".ts") && !name.endsWith(".test.ts"),
  );
  const outside = files.flatMap((file) =>
    [...readFileSync(join(folder, file), "utf8").matchAll(/from "(\.[^"]+)"/g)]
      .map(([, path]) => join(folder, file, "..", path ?? ""))
      .filter((path) => !path.startsWith(folder))
      .map((path) => `${file} imports ${path}`),
  );
  expect(files.length).toBeGreaterThan(10);
  expect(outside).toEqual([]);
});
