import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { fastify } from "fastify";
import { accountingRoutes } from "../accounting/routes.ts";
import { boxRoutes } from "../boxes.ts";
import { partitionRoute } from "../partition/routes.ts";
import { DOCUMENT, documentText } from "./generate.ts";
import { openApiRoute } from "./openapi.ts";
import { operations, problems } from "./operations.ts";

const text = documentText();
const document = JSON.parse(text);

test("the committed document is what the table of operations generates (if not: make openapi)", () => {
  expect(readFileSync(DOCUMENT, "utf8")).toBe(text);
});

test("every request that is served is in the document, with the schema that it is validated by, and no other", async () => {
  const app = fastify();
  app.setValidatorCompiler(() => () => true);
  const served: [string, unknown][] = [];
  app.addHook("onRoute", ({ method, url, schema }) => {
    if (method !== "HEAD") served.push([`${method} ${url}`, schema?.body]);
  });
  const nothing = { partition: {} } as never;
  for (const { routes } of [boxRoutes(nothing), accountingRoutes(nothing)]) {
    for (const { path, body } of routes) served.push([`POST ${path}`, body]);
  }
  await app.register(partitionRoute(nothing, nothing));
  await app.register(openApiRoute);
  await app.ready();
  const documented = operations.map(({ method, path, content }) => [
    `${method} ${path}`,
    content?.["application/json"],
  ]);
  expect(new Map(served)).toEqual(new Map(documented as [string, unknown][]));
  expect(served).toHaveLength(operations.length);
});

test("every reference leads to something, and everything that has a name is referred to", () => {
  const referred = [...text.matchAll(/"#\/components\/([\w/-]+)"/g)].map(([, name]) => name);
  const { schemas, parameters, responses } = document.components;
  const named = Object.entries({ schemas, parameters, responses }).flatMap(([kind, all]) =>
    Object.keys(Object(all)).map((name) => `${kind}/${name}`),
  );
  expect([...new Set(referred)].sort()).toEqual(named.sort());
});

test("every operation has an identifier of its own, and every problem is one of some operation", () => {
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  expect(new Set(operations.flatMap((operation) => operation.problems.map(String)))).toEqual(
    new Set(Object.keys(problems)),
  );
});
