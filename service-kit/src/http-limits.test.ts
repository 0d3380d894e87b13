import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { FastifyInstance } from "fastify";
import { Registry } from "prom-client";
import { until } from "../../test/lib/until.ts";
import { createHttp, createLog, Drain, type HttpLimits } from "./index.ts";

const LIMITS = { headersMs: 200, requestMs: 400, bodyBytes: 1_000, connections: 50 };
const HEAD = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";

let app: FastifyInstance;
let port: number;
let failures: unknown[];
let sockets: Socket[];

beforeEach(async () => {
  failures = [];
  sockets = [];
  await listen(LIMITS);
});

async function listen(limits: HttpLimits): Promise<void> {
  app = createHttp({
    log: createLog("silent"),
    registry: new Registry(),
    drain: new Drain(),
    notReady: async () => null,
    describeErrors: () => [],
    limits,
  });
  app.post("/echo", ({ body }) => body);
  app.addHook("onError", async (_request, _reply, error) => {
    failures.push(error);
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  port = (app.server.address() as { port: number }).port;
}

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await app.close();
});

/** A connection with what was sent on it, and everything that the server sends until it is closed. */
function exchange(...parts: readonly string[]): { readonly socket: Socket; readonly answer: Promise<string> } {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  const received: Buffer[] = [];
  socket.on("data", (chunk) => received.push(chunk));
  // What the server closes while it is written to is reset.
  socket.on("error", () => {});
  const answer = new Promise<string>((resolve) => {
    socket.once("close", () => resolve(Buffer.concat(received).toString()));
  });
  for (const part of parts) socket.write(part);
  return { socket, answer };
}

const problemIn = (answer: string): unknown => ({
  status: answer.slice(9, 12),
  type: /content-type: (.*)\r\n/.exec(answer)?.[1],
  problem: JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))).title,
});

const problem = (status: string, title: string) => ({ status, type: "application/problem+json", problem: title });

test("whoever sends a request byte by byte is sent away, and everybody else is answered meanwhile", async () => {
  const slow = Array.from({ length: 40 }, () => exchange("POST /echo HTTP/1.1\r\nho"));
  const drip = setInterval(() => {
    for (const { socket } of slow) if (socket.writable) socket.write("x");
  }, 20);
  const healthy = await fetch(`http://127.0.0.1:${port}/livez`);
  expect(healthy.status).toBe(200);
  const answers = await Promise.all(slow.map(({ answer }) => answer));
  clearInterval(drip);
  // One that is written to when it is closed may lose the answer.
  const told = answers.filter((answer) => answer !== "");
  expect(told.length).toBeGreaterThan(0);
  for (const answer of told) expect(problemIn(answer)).toEqual(problem("408", "request timeout"));
});

test("where a body may take as long as it likes, headers may not", async () => {
  await app.close();
  await listen({ ...LIMITS, requestMs: 0 });
  const { answer, socket } = exchange(HEAD, 'content-length: 7\r\n\r\n{"a":');
  expect(problemIn(await exchange("POST /echo HTTP/1.1\r\nho").answer)).toEqual(problem("408", "request timeout"));
  socket.write("1}");
  await new Promise((resolve) => socket.once("data", resolve));
  socket.end();
  expect(await answer).toMatch(/^HTTP\/1.1 200 OK/);
});

test("a body that does not end is not waited for", async () => {
  const { answer } = exchange(HEAD, 'content-length: 100\r\n\r\n{"a":');
  expect(problemIn(await answer)).toEqual(problem("408", "request timeout"));
  expect(failures.filter((error) => (Object(error).statusCode ?? 500) >= 500)).toEqual([]);
});

test.each([
  ["no HTTP", "what is this\r\n\r\n", problem("400", "invalid request")],
  ["headers without end", `${HEAD}x: ${"y".repeat(20_000)}\r\n\r\n`, problem("431", "headers too large")],
  ["two lengths", `${HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\n{}`, problem("400", "invalid request")],
  [
    "a length and chunks",
    `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    problem("400", "invalid request"),
  ],
])("%s is answered with a problem, and the connection closed", async (_, sent, expected) => {
  expect(problemIn(await exchange(sent).answer)).toEqual(expected);
});

test("a body that is too large is refused before it has come", async () => {
  const { answer } = exchange(HEAD, "connection: close\r\ncontent-length: 1001\r\n\r\n");
  expect(problemIn(await answer)).toMatchObject({ status: "413" });
});

test("more connections than are taken are closed at once, and their room comes back", async () => {
  const held = Array.from({ length: LIMITS.connections }, () => exchange());
  await Promise.all(held.map(({ socket }) => new Promise((resolve) => socket.once("connect", resolve))));
  expect(await exchange("GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").answer).toBe("");
  for (const { socket } of held) socket.destroy();
  await Promise.all(held.map(({ answer }) => answer));
  const answered = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/livez`)).ok;
  await until("another connection is taken", answered, { deadlineMs: 5_000, intervalMs: 20 });
});
