import { expect, test } from "@jest/globals";
import { until } from "../../../../test/lib/until.ts";
import { FakeApiServer, fail, json } from "../testing/fake-api-server.ts";
import {
  Conflict,
  Forbidden,
  Gone,
  Invalid,
  NotFound,
  NotLeading,
  ServerFailed,
  Throttled,
  Unauthorized,
  Unreachable,
} from "./errors.ts";

test.each([
  [401, Unauthorized],
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

test("an overloaded server that wants a long pause is left alone, and its Retry-After is kept", async () => {
  await using server = await FakeApiServer.start();
  server.fault = (_, response) => {
    fail(response, 429, "TooManyRequests", { "retry-after": "7" });
    return true;
  };
  const error = await server.client.request("GET", "/api/v1/pods").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(Throttled);
  expect(error).toMatchObject({ retryAfterMs: 7_000 });
  expect(server.calls.length).toBe(1);
});

/** Fails the first `times` calls. */
function failing(server: FakeApiServer, times: number, code: number, headers: Record<string, string> = {}): void {
  let left = times;
  server.fault = (_, response) => {
    if (left-- <= 0) return false;
    fail(response, code, "Because", headers);
    return true;
  };
}

test.each([429, 500, 503])("a server that answers %i and says come back at once is asked again", async (code) => {
  await using server = await FakeApiServer.start();
  failing(server, 2, code, { "retry-after": "0" });
  await server.client.request("POST", "/api/v1/namespaces/a/pods", { body: { metadata: { name: "one" } } });
  expect(server.calls.length).toBe(3);
});

test("a server that fails without a word is asked again, unless asking twice could do the work twice", async () => {
  await using server = await FakeApiServer.start();
  failing(server, 1, 500);
  await server.client.request("GET", "/api/v1/pods");
  expect(server.calls.length).toBe(2);
  failing(server, 1, 500);
  const post = server.client.request("POST", "/api/v1/namespaces/a/pods", { body: { metadata: { name: "one" } } });
  await expect(post).rejects.toBeInstanceOf(ServerFailed);
  expect(server.calls.length).toBe(3);
});

test("a server that goes on failing is given up", async () => {
  await using server = await FakeApiServer.start();
  failing(server, 100, 429, { "retry-after": "0" });
  await expect(server.client.request("GET", "/api/v1/pods")).rejects.toBeInstanceOf(Throttled);
  expect(server.calls.length).toBe(4);
});

test("waiting for a throttled server ends with the signal", async () => {
  await using server = await FakeApiServer.start();
  failing(server, 100, 429, { "retry-after": "5" });
  const stop = new AbortController();
  const request = server.client.request("GET", "/api/v1/pods", { signal: stop.signal });
  setImmediate(() => stop.abort());
  await expect(request).rejects.toMatchObject({ name: "AbortError" });
});

test("a client within a signal ends its requests with it", async () => {
  await using server = await FakeApiServer.start();
  server.fault = () => true;
  const stop = new AbortController();
  const request = server.client
    .within(stop.signal)
    .request("GET", "/api/v1/pods", { signal: AbortSignal.timeout(9_000) });
  setImmediate(() => stop.abort());
  await expect(request).rejects.toMatchObject({ name: "AbortError" });
});

test("after a request that got no answer, connections that lie idle are not trusted", async () => {
  await using server = await FakeApiServer.start();
  const get = (timeoutMs?: number) =>
    server.client.request("GET", "/api/v1/pods", timeoutMs === undefined ? {} : { timeoutMs });
  const dead = new Set<unknown>();
  server.fault = (_, response) => {
    dead.add(response.socket);
    return false;
  };
  await Promise.all([get(), get(), get()]);
  expect(dead.size).toBe(3);
  server.fault = (_, response) => dead.has(response.socket);
  await expect(get(50)).rejects.toBeInstanceOf(Unreachable);
  await get(5_000);
});

test("a request that was answered has no late effect: its time runs out, and the connections that lie idle stay", async () => {
  await using server = await FakeApiServer.start();
  const sockets = new Set<unknown>();
  server.fault = (_, response) => {
    sockets.add(response.socket);
    return false;
  };
  const timeoutMs = 100;
  await server.client.request("GET", "/api/v1/pods", { timeoutMs });
  const over = Date.now() + 2 * timeoutMs;
  await until("the request's time has run out", () => Date.now() > over, { deadlineMs: 5_000, intervalMs: 10 });
  await server.client.request("GET", "/api/v1/pods");
  expect(sockets.size).toBe(1);
});

test("a GET on a connection that the server has just closed is sent once more, a write is not", async () => {
  await using server = await FakeApiServer.start();
  const seen = new Set<unknown>();
  server.fault = (_, response) => {
    if (seen.has(response.socket)) {
      response.socket?.resetAndDestroy();
      return true;
    }
    seen.add(response.socket);
    return false;
  };
  await server.client.request("GET", "/api/v1/pods");
  await server.client.request("GET", "/api/v1/pods");
  expect(server.calls.length).toBe(3);
  const write = server.client.request("DELETE", "/api/v1/namespaces/a/pods/one");
  await expect(write).rejects.toBeInstanceOf(Unreachable);
  expect(server.calls.length).toBe(4);
});

test("a guarded client reads, and asks its guard before each write that would leave", async () => {
  await using server = await FakeApiServer.start();
  let leads = true;
  const guarded = server.client.guardedBy(() => {
    if (!leads) throw new NotLeading("not now");
  });
  const create = (name: string) =>
    guarded.request("POST", "/api/v1/namespaces/a/pods", { body: { metadata: { name } } });
  await create("one");
  leads = false;
  await expect(create("two")).rejects.toBeInstanceOf(NotLeading);
  await guarded.request("GET", "/api/v1/pods");
  expect(server.writes.length).toBe(1);
});

test("a guard that changes its mind while the connection is being made keeps the write from leaving", async () => {
  await using server = await FakeApiServer.start();
  let leads = true;
  const guarded = server.client.guardedBy(() => {
    if (!leads) throw new NotLeading("not now");
  });
  const write = guarded.request("DELETE", "/api/v1/namespaces/a/pods/one");
  // The request is under way, its connection is not.
  await Promise.resolve();
  leads = false;
  await expect(write).rejects.toBeInstanceOf(NotLeading);
  expect(server.calls).toEqual([]);
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
