import { expect, test } from "@jest/globals";
import { Conflict, Forbidden, Gone, Invalid, NotFound, Throttled, Unreachable } from "./errors.ts";
import { FakeApiServer, fail, json } from "./testing/fake-api-server.ts";

test.each([
  [403, Forbidden],
  [404, NotFound],
  [409, Conflict],
  [410, Gone],
  [422, Invalid],
])("an answer of %i becomes its own error with the server's message", async (code, type) => {
  await using server = await FakeApiServer.start();
  server.fault = (_, response) => {
    fail(response, code, "Because");
    return true;
  };
  const error = await server.client.request("GET", "/api/v1/pods").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(type);
  expect(error).toMatchObject({ status: code, reason: "Because", message: "Because as the test wants it" });
});

test("an overloaded server's Retry-After is kept", async () => {
  await using server = await FakeApiServer.start();
  server.fault = (_, response) => {
    fail(response, 429, "TooManyRequests", { "retry-after": "7" });
    return true;
  };
  const error = await server.client.request("GET", "/api/v1/pods").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(Throttled);
  expect(error).toMatchObject({ retryAfterMs: 7_000 });
});

test("a server that never answers is unreachable after the timeout", async () => {
  await using server = await FakeApiServer.start();
  server.fault = () => true;
  const error = await server.client
    .request("GET", "/api/v1/pods", { timeoutMs: 50 })
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(Unreachable);
  expect(String(error)).toContain("no answer in 50 ms");
});

test("an answer that is cut in the middle is unreachable", async () => {
  await using server = await FakeApiServer.start();
  server.fault = (_, response) => {
    response.writeHead(200, { "content-length": "100" }).write('{"items":');
    setImmediate(() => response.destroy());
    return true;
  };
  await expect(server.client.request("GET", "/api/v1/pods")).rejects.toBeInstanceOf(Unreachable);
});

test("fields that no model knows arrive as they were sent", async () => {
  await using server = await FakeApiServer.start();
  const answer = { kind: "Pod", spec: { fieldOfTheFuture: [{ x: null }] } };
  server.fault = (_, response) => {
    json(response, 200, answer);
    return true;
  };
  expect(await server.client.request("GET", "/api/v1/pods")).toEqual(answer);
});

test("one connection serves many requests", async () => {
  await using server = await FakeApiServer.start();
  const sockets = new Set<unknown>();
  server.fault = (_, response) => {
    sockets.add(response.socket);
    return false;
  };
  for (let i = 0; i < 5; i++) await server.client.request("GET", "/api/v1/pods");
  expect(sockets.size).toBe(1);
});
