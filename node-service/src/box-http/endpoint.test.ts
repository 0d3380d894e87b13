import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { describeErrors } from "@aaa-cluster/contract";
import { createHttp, createLog, Drain, Problem } from "@aaa-cluster/service-kit";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { FastifyInstance } from "fastify";
import { Counter, Registry } from "prom-client";
import Type from "typebox";
import { until } from "../../../test/lib/until.ts";
import { Admission } from "../admission/admission.ts";
import { DeviceLimit } from "../admission/device-limit.ts";
import { BoxEndpoint } from "./endpoint.ts";
import { boxRoute } from "./route.ts";

const DEADLINE = { deadlineMs: 5_000, intervalMs: 5 };
const BODY_BYTES = 1_000;
const Words = Type.Object({ words: Type.Array(Type.String()) }, { additionalProperties: false });

let app: FastifyInstance;
let admission: Admission;
let drain: Drain;
let port: number;
let sockets: Socket[];
/** Answers that wait to be told, in the order of their requests. */
let waiting: PromiseWithResolvers<object>[];
let refusal: Problem | null;
let asked: number;

beforeEach(async () => {
  sockets = [];
  waiting = [];
  refusal = null;
  asked = 0;
  drain = new Drain();
  const log = createLog("silent");
  const shed = new Counter({ name: "shed", help: "Shed", labelNames: ["reason" as const], registers: [] });
  admission = new Admission({ deviceLimit: new DeviceLimit(0), shed });
  const endpoint = new BoxEndpoint({ admission, drain, log, describeErrors, bodyBytes: BODY_BYTES }, [
    {
      hasQueue: false,
      refusal: () => refusal,
      head: () => ["aaa-partition", "tv-aaa-0"],
      routes: [
        boxRoute("/echo", Words, ({ words }) => {
          asked += 1;
          return JSON.stringify(words);
        }),
        boxRoute("/late", Words, () => {
          const answer = Promise.withResolvers<object>();
          waiting.push(answer);
          return answer.promise;
        }),
        boxRoute("/broken", Words, () => {
          throw new Error("secret detail");
        }),
      ],
    },
  ]);
  const registry = new Registry();
  app = createHttp({ log, drain, registry, describeErrors, notReady: async () => null, ahead: endpoint });
  await app.listen({ host: "127.0.0.1", port: 0 });
  port = (app.server.address() as AddressInfo).port;
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await app.close();
});

/** A connection, and what it was answered so far. */
class Client {
  readonly socket: Socket;
  #received = "";
  constructor() {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true });
    sockets.push(this.socket);
    this.socket.setEncoding("latin1");
    this.socket.on("data", (text: string) => {
      this.#received += text;
    });
    this.socket.on("error", () => {});
  }

  /** Sends parts, each in a packet of its own. */
  async send(...parts: readonly (string | Buffer)[]): Promise<void> {
    for (const part of parts) {
      await new Promise((sent) => this.socket.write(part, sent));
      await new Promise(setImmediate);
    }
  }

  /** The next answer, which has to have a length. */
  async answer(): Promise<{ status: number; head: string; body: unknown }> {
    const answer = /^HTTP\/1.1 (\d+) [\s\S]*?content-length: (\d+)[\s\S]*?\r\n\r\n/;
    const match = await until(
      "an answer comes",
      async () => {
        const found = answer.exec(this.#received);
        const end = (found?.[0].length ?? 0) + Number(found?.[2]);
        return found !== null && this.#received.length >= end && { found, end };
      },
      DEADLINE,
    );
    const { found, end } = match;
    const [head = "", status] = found;
    const body = JSON.parse(Buffer.from(this.#received.slice(head.length, end), "latin1").toString());
    this.#received = this.#received.slice(end);
    return { status: Number(status), head, body };
  }
}

const headOf = (path: string, ...headers: string[]): string =>
  [`POST ${path} HTTP/1.1`, "host: node", ...headers, "", ""].join("\r\n");
const JSON_TYPE = "content-type: application/json";

function request(path: string, body: string, type = JSON_TYPE): string {
  return headOf(path, type, `content-length: ${Buffer.byteLength(body)}`) + body;
}

const words = (...all: string[]): string => JSON.stringify({ words: all });

const chunked = (pieces: readonly Buffer[]): Buffer[] => [
  Buffer.from(headOf("/echo", JSON_TYPE, "transfer-encoding: chunked")),
  ...pieces.map((piece) =>
    Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]),
  ),
  Buffer.from("0\r\n\r\n"),
];

test("in whatever pieces a request comes, it is answered by what it says, one after the other on a connection", async () => {
  const client = new Client();
  const text = fc.array(fc.string({ unit: "grapheme", maxLength: 20 }), { maxLength: 4 });
  const cuts = fc.array(fc.nat(400), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(text, cuts, fc.boolean(), async (said, places, isChunked) => {
      const body = Buffer.from(words(...said));
      const whole = isChunked ? body : Buffer.from(request("/echo", String(body)));
      const ends = [...new Set(places.map((place) => place % whole.length))].sort((a, b) => a - b);
      const pieces = [0, ...ends]
        .map((begin, index) => whole.subarray(begin, ends[index]))
        .filter(({ length }) => length > 0);
      await client.send(...(isChunked ? chunked(pieces) : pieces));
      expect(await client.answer()).toMatchObject({ status: 200, body: said });
    }),
    { numRuns: 100 },
  );
});

test("requests that do not wait for each other's answers are answered in their order", async () => {
  const client = new Client();
  await client.send(request("/late", words()) + request("/late", words()) + request("/echo", words("last")));
  await until("both wait", async () => waiting.length === 2, DEADLINE);
  expect(admission.inProgress).toBe(2);
  waiting[1]?.resolve({ second: true });
  waiting[0]?.resolve({ first: true });
  const answers = [await client.answer(), await client.answer(), await client.answer()];
  expect(answers.map(({ body }) => body)).toEqual([{ first: true }, { second: true }, ["last"]]);
  expect(admission.inProgress).toBe(0);
});

test.each([
  ["no JSON", request("/echo", "{"), 400, "the body is not JSON"],
  ["nothing", request("/echo", ""), 400, "the body is not JSON"],
  ["something else", request("/echo", '{"words":1}'), 400, "the request does not have the expected form"],
  [
    "more than it may",
    request("/echo", '{"words":[],"__proto__":{}}'),
    400,
    "the request does not have the expected form",
  ],
  [
    "another type",
    request("/echo", words(), "content-type: text/plain"),
    415,
    "the content type has to be application/json",
  ],
  [
    "a type that begins alike",
    request("/echo", words(), "content-type: application/jsonx"),
    415,
    "the content type has to be application/json",
  ],
  ["no type", request("/echo", words(), "x: y"), 415, "the content type has to be application/json"],
  ["what breaks the node", request("/broken", words()), 500, "the request failed; the service's log says why"],
])(
  "whoever sends %s is told so, and may send something else on the same connection",
  async (_, sent, status, detail) => {
    const client = new Client();
    await client.send(sent + request("/echo", words("else")));
    const { body, head, ...answer } = await client.answer();
    expect({ ...answer, body }).toMatchObject({ status, body: { status, detail } });
    expect(head).toContain("content-type: application/problem+json\r\n");
    expect(head).toContain("aaa-partition: tv-aaa-0\r\n");
    expect(await client.answer()).toMatchObject({ status: 200, body: ["else"] });
  },
);

test.each(["Application/JSON", "application/json; charset=utf-8", "application/json;charset=x"])(
  "JSON may be called %s",
  async (type) => {
    const client = new Client();
    await client.send(request("/echo?and=more", words("a"), `content-type: ${type}`));
    expect(await client.answer()).toMatchObject({ status: 200, body: ["a"] });
  },
);

test("a body that says that it is too large is refused before it comes, and the connection closed", async () => {
  const client = new Client();
  const closed = once(client.socket, "close");
  await client.send(headOf("/echo", JSON_TYPE, `content-length: ${BODY_BYTES + 1}`));
  const { status, head } = await client.answer();
  expect([status, head]).toEqual([413, expect.stringContaining("connection: close\r\n")]);
  await closed;
});

test("a body that turns out to be too large is refused when it is, once, and the connection closed", async () => {
  const client = new Client();
  const closed = once(client.socket, "close");
  const pieces = chunked(Array(12).fill(Buffer.alloc(BODY_BYTES / 10, " ")));
  await client.send(...pieces.slice(0, -1));
  expect(await client.answer()).toMatchObject({ status: 413, body: { title: "too large" } });
  await closed;
  expect(asked).toBe(0);
});

test("a body may be as large as it may", async () => {
  const client = new Client();
  const body = words("a".repeat(BODY_BYTES - Buffer.byteLength(words(""))));
  await client.send(request("/echo", body));
  expect(await client.answer()).toMatchObject({ status: 200 });
  await client.send(request("/echo", `${body} `));
  expect(await client.answer()).toMatchObject({ status: 413 });
});

test("who is refused before the body is read has the next request answered on the same connection", async () => {
  const client = new Client();
  refusal = new Problem(503, "behind", "this node is behind", [], 5);
  const body = words("a".repeat(500));
  await client.send(request("/echo", body));
  const { status, head } = await client.answer();
  expect([status, head]).toEqual([503, expect.stringContaining("retry-after: 5\r\n")]);
  refusal = null;
  await client.send(request("/echo", body));
  expect(await client.answer()).toMatchObject({ status: 200 });
  expect(asked).toBe(1);
});

test("what is no POST to one of the paths is left to fastify", async () => {
  const ask = async (method: string, path: string) =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { method })).status;
  expect(await ask("GET", "/livez")).toBe(200);
  expect(await ask("GET", "/echo")).toBe(404);
  expect(await ask("POST", "/echo/")).toBe(404);
  expect(await ask("POST", "/livez")).toBe(404);
});

test("a client that asks before it sends its body is told to go on", async () => {
  const client = new Client();
  const body = words("b");
  await client.send(headOf("/echo", JSON_TYPE, `content-length: ${body.length}`, "expect: 100-continue"));
  const [first] = await once(client.socket, "data");
  expect(first).toMatch(/^HTTP\/1.1 100 Continue/);
  await client.send(body);
  const [second] = await once(client.socket, "data");
  expect(second).toMatch(/^HTTP\/1.1 200 OK[\s\S]*\["b"\]$/);
});

test("clients that go away, before their body has come or their answer is there, disturb nobody", async () => {
  const before = new Client();
  await before.send(headOf("/echo", JSON_TYPE, "content-length: 100"), '{"words":');
  const after = new Client();
  await after.send(request("/late", words()));
  await until("one waits", async () => waiting.length === 1, DEADLINE);
  for (const { socket } of [before, after]) socket.resetAndDestroy();
  const connections = (): Promise<number> =>
    new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)));
  await until("both are gone", async () => (await connections()) === 0, DEADLINE);
  waiting[0]?.resolve({});
  await until("nothing is in progress", async () => admission.inProgress === 0, DEADLINE);
  const other = new Client();
  await other.send(request("/echo", words("here")));
  expect(await other.answer()).toMatchObject({ status: 200, body: ["here"] });
  expect(asked).toBe(1);
});

test("an answer that fails later is a problem too", async () => {
  const client = new Client();
  await client.send(request("/late", words()) + request("/late", words()));
  await until("both wait", async () => waiting.length === 2, DEADLINE);
  waiting[0]?.reject(new Problem(401, "invalid-token", "the access token is not valid"));
  // JSON has no such number.
  waiting[1]?.resolve({ number: 1n });
  expect(await client.answer()).toMatchObject({ status: 401, body: { title: "invalid token" } });
  expect(await client.answer()).toMatchObject({ status: 500, body: { title: "internal error" } });
});

test("while the service drains, every answer is the last one of its connection", async () => {
  const client = new Client();
  const closed = once(client.socket, "close");
  await client.send(request("/late", words()));
  await until("one waits", async () => waiting.length === 1, DEADLINE);
  const closing = drain.close(app);
  waiting[0]?.resolve({});
  expect(await client.answer()).toMatchObject({ status: 200, head: expect.stringContaining("connection: close\r\n") });
  await closed;
  await closing;
});
