import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { generatedFiles } from "./generate.ts";
import { Spec } from "./schema.ts";

test.each(Object.entries(generatedFiles()))("%s is what the schema generates (if not: make crds)", (path, content) => {
  expect(readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8")).toBe(content);
});

test("every field of the spec has a description", () => {
  const lacking: string[] = [];
  const visit = (path: string, schema: { description?: string; properties?: object }): void => {
    if (schema.description === undefined) lacking.push(path);
    for (const [name, part] of Object.entries(schema.properties ?? {})) visit(`${path}.${name}`, part);
  };
  visit("spec", Spec);
  expect(lacking).toEqual([]);
});
