import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { operations } from "../../oss-service/src/api/operations.ts";
import { Problem } from "../../oss-service/src/api/schemas.ts";
import { Oss } from "./oss.ts";

jest.setTimeout(60_000);

let oss: Oss;

beforeAll(async () => {
  oss = await Oss.start(1);
});

afterAll(() => oss?.[Symbol.asyncDispose]());

/** The operation that a request is, by the table that the document is made of. */
function operationOf(method: string, path: string): (typeof operations)[number] | undefined {
  return operations.find(
    (one) =>
      one.method === method && new RegExp(`^${one.path.replace("{id}", "[^/]+")}$`).test(path.split("?")[0] ?? ""),
  );
}

/** The schema that the document has for an answer; undefined when it has none. */
function schemaOf(method: string, path: string, status: number, type: string): TSchema | undefined {
  const operation = operationOf(method, path);
  if (type === "application/problem+json")
    return operation?.problems.some((one) => one === status) ? Problem : undefined;
  return operation?.answers[status]?.content?.[type];
}

/** The members of an answer that its schema does not name. */
function undocumented(schema: TSchema, answer: object): string[] {
  const { properties } = Object(schema) as { properties?: object };
  return properties === undefined ? [] : Object.keys(answer).filter((name) => !(name in properties));
}

const validFrom = "2026-01-01T00:00:00Z";
const bulkLine = '{"entity":"Subscriber","id":"bulk","payload":{"password":"secret"}}';
const patch = { "content-type": "application/merge-patch+json" };
const stream = { accept: "application/x-ndjson" };
const nobody = { authorization: "Bearer wrong" };

const requests: readonly (readonly [number, string, string, unknown?, Record<string, string>?])[] = [
  [201, "PUT", "/v1/subscribers/s", { password: "secret" }],
  [200, "PUT", "/v1/subscribers/s", { status: "suspended" }],
  [201, "PUT", "/v1/devices/d", { subscriberId: "s", macAddress: "00:00:00:00:00:01" }],
  [201, "PUT", "/v1/productOfferings/o", { name: "O", services: ["channel:1"] }],
  [201, "PUT", "/v1/entitlements/e", { subscriberId: "s", productOfferingId: "o", validFrom }],
  [200, "PUT", "/v1/productOfferings/o", { name: "O", services: Array(10_000).fill("x".repeat(128)) }],
  [200, "PUT", "/v1/productOfferings/o", { name: "O", services: [] }],
  [200, "GET", "/v1/subscribers/s"],
  [200, "GET", "/v1/devices/d"],
  [200, "GET", "/v1/productOfferings/o"],
  [200, "GET", "/v1/entitlements/e"],
  [200, "PATCH", "/v1/entitlements/e", { validUntil: null }, patch],
  [409, "DELETE", "/v1/subscribers/s"],
  [200, "DELETE", "/v1/entitlements/e"],
  [400, "PUT", "/v1/devices/d", null],
  [400, "PUT", "/v1/devices/d", { colour: "red" }],
  [400, "PUT", "/v1/productOfferings/o", { name: "\0", services: [] }],
  [400, "PUT", "/v1/productOfferings/o", { name: "O", services: ["\ud800"] }],
  [400, "PUT", "/v1/devices/-", { subscriberId: "s" }],
  [400, "GET", "/v1/devices/-"],
  [401, "PUT", "/v1/devices/d", { subscriberId: "s" }, nobody],
  [404, "GET", "/v1/devices/none"],
  [404, "PATCH", "/v1/devices/none", {}, patch],
  [412, "PUT", "/v1/devices/d", { subscriberId: "s" }, { "if-match": '"9"' }],
  [413, "PUT", "/v1/productOfferings/o", { name: "O", services: ["x".repeat(3_000_000)] }],
  [415, "PATCH", "/v1/devices/d", {}],
  [415, "PUT", "/v1/devices/d", "subscriberId=s"],
  [422, "PUT", "/v1/devices/d", { subscriberId: "none" }],
  [422, "PUT", "/v1/subscribers/without-password", {}],
  [200, "POST", "/v1/bulk", bulkLine],
  [200, "POST", "/v1/bulk", bulkLine, stream],
  [200, "POST", "/v1/bulk", "{}", stream],
  [400, "POST", "/v1/bulk", "{}"],
  [413, "POST", "/v1/bulk", Array(10_001).fill("{}").join("\n")],
  [415, "POST", "/v1/bulk", {}],
  [200, "GET", "/v1/accountingRecords?subscriberId=s&deviceId=d&cursor=1"],
  [400, "GET", "/v1/accountingRecords?cursor=0"],
  [400, "GET", "/v1/accountingRecords?subscriber=s"],
  [401, "GET", "/v1/accountingRecords", undefined, nobody],
  [200, "GET", "/v1/stream"],
  [200, "GET", "/v1/relay"],
  [200, "GET", "/openapi.json", undefined, nobody],
];

test.each(requests)("%i to %s %s is answered as the document says", async (...request) => {
  const [status, method, path, body, headers] = request;
  const answer = await oss.send(method, path, body, headers);
  const lines = (await answer.text())
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
  const schema = schemaOf(method, path, status, type);
  expect([answer.status, type, schema === undefined]).toEqual([status, type, false]);
  const validator = Compile(schema as TSchema);
  for (const line of lines) {
    expect(validator.Errors(line)).toEqual([]);
    expect(undocumented(schema as TSchema, Object(line))).toEqual([]);
  }
  expect(answer.headers.has("etag")).toBe(operationOf(method, path)?.answers[status]?.headers !== undefined);
});
