import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { customResourceDefinition } from "./crd.ts";
import { generatedFiles } from "./generate.ts";
import type { Schema } from "./openapi.ts";

test.each(Object.entries(generatedFiles()))("%s is what the schema generates (if not: make crds)", (path, content) => {
  expect(readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8")).toBe(content);
});

test("every field of the spec and the status has a description", () => {
  const lacking = (path: string, { description, properties = {}, items }: Schema): readonly string[] => [
    ...(description === undefined ? [path] : []),
    ...Object.entries(properties).flatMap(([name, field]) => lacking(`${path}.${name}`, field)),
    ...(items?.properties === undefined ? [] : lacking(`${path}[]`, items)),
  ];
  const [version] = customResourceDefinition().spec.versions;
  const { spec = {}, status = {} } = version?.schema.openAPIV3Schema.properties ?? {};
  expect([...lacking("spec", spec), ...lacking("status", status)]).toEqual([]);
});

// With the CRD every AaaCluster would go, and with those every volume.
test("helm uninstall leaves the CRD where it is", () => {
  expect(customResourceDefinition().metadata.annotations).toEqual({ "helm.sh/resource-policy": "keep" });
});
