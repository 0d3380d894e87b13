import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { bundleOf } from "./bundle.ts";

test("the operator's bundle has of the Kubernetes client its configuration, and neither its models nor its HTTP client", async () => {
  const text = await readFile(join(await bundleOf("operator"), "main.js"), "utf8");
  expect(text).toContain("applyToHTTPSOptions");
  expect(text).not.toContain("V1PodSpec");
  expect(text).not.toContain("UND_ERR_");
});

test("no bundle has a letter beyond Latin-1, with which Node would keep it in twice the memory", async () => {
  for (const service of ["operator", "oss-service", "node-service"]) {
    const text = await readFile(join(await bundleOf(service), "main.js"), "utf8");
    expect([service, text.match(/[\u0100-\uffff]/)]).toEqual([service, null]);
  }
});
