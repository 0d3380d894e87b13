import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { fastify } from "fastify";
import { Registry } from "prom-client";
import { accountingRoutes } from "../accounting/routes.ts";
import { openApiRoute, provisioningRoutes, relayRoute } from "../routes.ts";
import { DOCUMENT, documentText } from "./generate.ts";
import { operations } from "./operations.ts";

const text = documentText();
const document = JSON.parse(text);

test("the committed document is what the table of operations generates (if not: make openapi)", () => {
  expect(readFileSync(DOCUMENT, "utf8")).toBe(text);
});

test("every request that is served is in the document, and no other", async () => {
  const app = fastify();
  const served: string[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    if (method !== "HEAD") served.push(`${method} ${url.replaceAll(/:(\w+)/g, "{$1}")}`);
  });
  const nothing = {} as never;
  await app.register(
    provisioningRoutes({ pool: nothing, apiToken: "", metrics: { registry: new Registry() } as never, log: nothing }),
  );
  await app.register(accountingRoutes(nothing, ""));
  await app.register(relayRoute(nothing, "", nothing));
  await app.register(openApiRoute);
  await app.ready();
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(Object(methods)).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(served.sort()).toEqual(documented.sort());
});

test("every reference leads to something, and everything that has a name is referred to", () => {
  const referred = [...text.matchAll(/"#\/components\/([\w/-]+)"/g)].map(([, name]) => name);
  const { schemas, parameters, responses } = document.components;
  const named = Object.entries({ schemas, parameters, responses }).flatMap(([kind, all]) =>
    Object.keys(all).map((name) => `${kind}/${name}`),
  );
  expect([...new Set(referred)].sort()).toEqual(named.sort());
});

test("every operation has an identifier of its own, and declares the parameters of its path", () => {
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const { path, parameters } of operations) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(parameters).toEqual(expect.arrayContaining(inPath));
  }
});

test("no answer shows a credential or a password", () => {
  for (const name of ["Subscriber", "ChangeAnswer"]) {
    expect(Object.keys(document.components.schemas[name].properties)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/credential|password/)]),
    );
  }
});
