import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { Compile } from "typebox/compile";
import type { NodeService } from "../../node-service/src/service.ts";
import { compilable, dereferenced, nearly, type Schema, valid } from "../lib/json-schema.ts";
import { population, Stack } from "../replication/stack.ts";
import { SteppingBox } from "./two-nodes.ts";

jest.setTimeout(60_000);

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly body: Schema | undefined;
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema: Schema }>; headers?: object }>>;
}

let stack: Stack;
let node: NodeService;
let operations: readonly Operation[];
/** What takes a request further than any text at random: names that exist, tokens that are good. */
let good: Readonly<Record<string, readonly string[]>>;

beforeAll(async () => {
  stack = await Stack.start();
  await stack.startOss();
  node = await stack.startNode("tv-aaa-0");
  await stack.bulk(population(3));
  await stack.untilSynced(node);
  const document = (await (await fetch(new URL("/openapi.json", node.url))).json()) as { paths: object };
  operations = operationsOf(document);
  const box = new SteppingBox({ subscriberId: "s0", password: "password-s0", deviceId: "box-s0" });
  const { body } = await box.challenge(node.url, randomBytes(12).toString("base64"));
  expect((await box.prove(node.url)).status).toBe(200);
  good = {
    deviceId: ["box-s0", "box-s1"],
    clientFirst: ["n,,n=s0,r=abcdefgh", "n,,n=nobody,r=abcdefgh", "n,,n=\ud800,r=abcdefgh", "n,,n=\0,r=abcdefgh"],
    clientFinal: [`c=biws,${String(body.serverFirst).split(",")[0]},p=AAAA`, "c=biws,r=abcdefghijk,p=AAAA"],
    accessToken: [box.accessToken, box.refreshToken],
    refreshToken: [box.refreshToken, box.accessToken, `${box.refreshToken}x`],
    service: ["channel:news-1", "\u{1f600}", "\0", "\ud800"],
    acctStatusType: ["Start", "Stop"],
    eventTime: ["2026-01-31T00:12:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "2026-02-31T00:00:00Z"],
  };
}, 60_000);

afterAll(() => stack?.[Symbol.asyncDispose](), 30_000);

interface Described {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Operation["responses"];
}

function operationsOf(document: { readonly paths: object }): Operation[] {
  const paths = dereferenced(document, document.paths) as Record<string, Record<string, Described>>;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      body: operation.requestBody?.content["application/json"]?.schema,
      responses: operation.responses,
    })),
  );
}

/** What only some accounting records may have. */
const sometimesLeftOut = new Set(["acctTerminateCause", "acctSessionTime", "productOfferingId", "contentId"]);

/** Puts good values in the place of some members, and leaves some out. */
const withGood = (value: unknown, picks: readonly number[]): unknown => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([name, member], index) => {
    const choices = Object.hasOwn(good, name) ? (good[name] ?? []) : [];
    const pick = picks[index % picks.length] ?? 0;
    if (sometimesLeftOut.has(name) && pick % 2 === 0) return [name, undefined];
    if (Array.isArray(member)) return [name, member.map((item) => withGood(item, picks))];
    return [name, choices[pick] ?? member];
  });
  return Object.fromEntries(entries);
};

const rawBodies = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "",
    "{",
    "null",
    "[]",
    '{"__proto__":{"a":1}}',
    '{"constructor":{"prototype":1}}',
    "1e999",
    '"\\ud800"',
  ),
  fc.nat(2_000).map((depth) => "[".repeat(depth)),
  fc.constant(`{"deviceId":"${"x".repeat(300_000)}"}`),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
);

interface Sent {
  readonly body: string;
  readonly type: string;
  readonly minSequence: string | null;
}

const requestsOf = (schema: Schema): fc.Arbitrary<Sent> =>
  fc
    .record({
      body: fc.oneof(
        { weight: 4, arbitrary: valid(schema).map((value) => ({ value })) },
        { weight: 4, arbitrary: nearly(schema).map((value) => ({ value })) },
        { weight: 1, arbitrary: rawBodies.map((raw) => ({ raw })) },
      ),
      picks: fc.array(fc.nat(5), { minLength: 1, maxLength: 8 }),
      type: fc.oneof(
        { weight: 12, arbitrary: fc.constant("application/json") },
        { weight: 1, arbitrary: fc.constantFrom("text/plain", "application/xml", "application/json; charset=x", "?") },
      ),
      minSequence: fc.oneof(
        { weight: 12, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.constantFrom("0", "1", "-1", "x", "9223372036854775807", "99999999999999999999") },
      ),
    })
    .map(({ body, picks, type, minSequence }) => ({
      body: "raw" in body ? body.raw : (JSON.stringify(withGood(body.value, picks)) ?? ""),
      type,
      minSequence,
    }));

test("whatever is sent, the answer is one that the document has, and none is the node's own fault", async () => {
  const statuses = new Map<string, Set<number>>();
  for (const { method, path, body, responses } of operations) {
    const seen = new Set<number>();
    statuses.set(path, seen);
    const checkers = new Map<string, ReturnType<typeof Compile>>();
    const check = async ({ body: sent, type, minSequence }: Sent): Promise<void> => {
      const response = await fetch(new URL(path, node.url), {
        method,
        headers: { "content-type": type, ...(minSequence === null ? {} : { "aaa-min-sequence": minSequence }) },
        ...(method === "GET" ? {} : { body: sent }),
        signal: AbortSignal.timeout(10_000),
      });
      const answer: unknown = await response.json();
      seen.add(response.status);
      const { content = {}, headers = {} } = responses[response.status] ?? {};
      const answeredType = response.headers.get("content-type")?.split(";")[0] ?? "";
      expect({ status: response.status, types: Object.keys(content) }).toEqual({
        status: response.status,
        types: [answeredType],
      });
      for (const name of Object.keys(headers)) expect(response.headers.has(name)).toBe(true);
      const key = `${response.status} ${answeredType}`;
      const checker = checkers.get(key) ?? Compile(compilable(content[answeredType]?.schema));
      checkers.set(key, checker);
      expect(checker.Errors(answer)).toEqual([]);
      if (response.status >= 500) {
        expect([response.status, minSequence === null]).toEqual([503, false]);
        expect(response.headers.has("retry-after")).toBe(true);
      }
      expect(JSON.stringify(answer)).not.toMatch(/node_modules|\.ts:\d|\bat \w+ \(/);
    };
    if (body === undefined) await check({ body: "", type: "application/json", minSequence: null });
    else await fc.assert(fc.asyncProperty(requestsOf(body), check), { numRuns: 250 });
  }
  const reached = Object.fromEntries([...statuses].map(([path, seen]) => [path, [...seen].sort()]));
  expect(reached).toMatchObject({
    "/v1/authenticate/challenge": expect.arrayContaining([200, 400, 415]),
    "/v1/authenticate": expect.arrayContaining([400, 401]),
    "/v1/authenticate/refresh": expect.arrayContaining([200, 400, 401]),
    "/v1/authorize": expect.arrayContaining([200, 400, 401]),
    "/v1/accounting": expect.arrayContaining([200, 400, 401]),
    // Any of its many records at random may be wrong, and is told of first.
    "/v1/accounting/list": expect.arrayContaining([400]),
  });
  expect((await fetch(new URL("/readyz", node.url))).status).toBe(200);
}, 120_000);

test("requests that no operation describes get a problem too", async () => {
  for (const [method, path] of [
    ["GET", "/v1/authorize"],
    ["DELETE", "/v1/partition"],
    ["POST", "/nothing"],
    ["GET", "/%"],
    ["GET", "/v1/partition/%ff"],
    ["GET", "/openapi.json/"],
  ] as const) {
    const response = await fetch(new URL(path, node.url), { method });
    expect([path, response.status >= 400 && response.status < 500]).toEqual([path, true]);
    expect([path, response.headers.get("content-type")?.split(";")[0]]).toEqual([path, "application/problem+json"]);
  }
});

test("a member that is called like one of every object is refused like any other that the document does not have", async () => {
  const [accessToken] = good.accessToken ?? [];
  const INVALID = "urn:aaacluster:problem:invalid-request";
  const known = `"accessToken":"${accessToken}","service":"channel:news-1"`;
  const ask = async (body: string) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(new URL("/v1/authorize", node.url), { method: "POST", headers, body });
    return { status: response.status, body: (await response.json()) as { type?: string } };
  };
  expect(await ask(`{${known}}`)).toMatchObject({ status: 200 });
  for (const more of ['"__proto__":{"service":"x"}', '"constructor":{"prototype":{}}', '"toString":1']) {
    expect(await ask(`{${known},${more}}`)).toMatchObject({ status: 400, body: { type: INVALID } });
  }
});
