import { createServer, type Server, type ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { KubeConfig } from "@kubernetes/client-node";
import { portOf } from "../../operator/src/kube/server.ts";
import { until } from "../lib/until.ts";
import {
  byteByByte,
  cutMidEvent,
  endAfterEvent,
  endAtOnce,
  type Fault,
  goneAsEvent,
  goneAsStatus,
  serverError,
  silence,
  tooManyRequests,
  truncatedJson,
} from "./faults.ts";
import { FaultProxy, isList, isWatch } from "./proxy.ts";

const DEADLINE = { deadlineMs: 5_000, intervalMs: 5 };
const WATCH = "/things?watch=true";
const LIST = "/things?limit=1";

let upstream: Server;
let proxy: FaultProxy;
/** The watches that are open at the upstream, and all requests it had: method, path and query, token, body. */
let watches: Set<ServerResponse>;
let asked: string[];

beforeEach(async () => {
  watches = new Set();
  asked = [];
  upstream = createServer(async (request, response) => {
    const body = (await request.toArray()).join("");
    asked.push([request.method, request.url, request.headers.authorization, body].join(" "));
    if (request.url !== WATCH) {
      response.writeHead(201, { "content-type": "text/x", "content-length": 7 }).end("a list\n");
      return;
    }
    response.flushHeaders();
    watches.add(response);
    response.on("close", () => watches.delete(response));
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: "upstream", server: `http://127.0.0.1:${portOf(upstream)}`, skipTLSVerify: true },
    { name: "test", token: "secret" },
  );
  proxy = await FaultProxy.start(config);
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

/** A watch through the proxy: all that has come over it, and how it ended. */
interface Watching {
  text: string;
  chunks: number;
  end: "open" | "ended" | "cut";
  stop(): void;
}

async function watch(): Promise<Watching> {
  const controller = new AbortController();
  const response = await fetch(proxy.url + WATCH, { signal: controller.signal });
  const seen: Watching = { text: "", chunks: 0, end: "open", stop: () => controller.abort() };
  const decoder = new TextDecoder();
  const read = async (): Promise<void> => {
    for await (const chunk of response.body ?? []) {
      seen.text += decoder.decode(chunk, { stream: true });
      seen.chunks += 1;
    }
  };
  read().then(
    () => (seen.end = "ended"),
    () => (seen.end = "cut"),
  );
  return seen;
}

function send(text: string): void {
  for (const response of watches) response.write(text);
}

async function watchStruckBy(fault: Fault, line = "event\n"): Promise<Watching> {
  const seen = await watch();
  proxy.strike(fault);
  send(line);
  return seen;
}

test("without a fault it passes on request and answer, as the user of its configuration", async () => {
  const response = await fetch(`${proxy.url}/things/1?a=b`, { method: "POST", body: "{}" });
  expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
    201,
    "text/x",
    "a list\n",
  ]);
  expect(asked).toEqual(["POST /things/1?a=b Bearer secret {}"]);
  expect(proxy.requests).toMatchObject([{ method: "POST", path: "/things/1", fault: undefined }]);
  expect(proxy.requests[0]?.query.get("a")).toBe("b");
});

test("a watch is passed on line by line as it comes, and ends when the client goes", async () => {
  const seen = await watch();
  expect(proxy.openWatches).toBe(1);
  send("first\nsec");
  await until("the first line is through", () => seen.text === "first\n", DEADLINE);
  send("ond\n");
  await until("the second line is through", () => seen.text === "first\nsecond\n", DEADLINE);
  seen.stop();
  await until("nothing is open", () => watches.size === 0 && proxy.openWatches === 0, DEADLINE);
});

test.each(["ended", "cut"] as const)("a watch that the server %s is so for the client", async (end) => {
  const seen = await watch();
  send("event\n");
  await until("it is through", () => seen.text === "event\n", DEADLINE);
  for (const response of watches) end === "ended" ? response.end() : response.destroy();
  await until(`it is ${end}`, () => seen.end === end, DEADLINE);
});

test("a server that is not there is a connection that is cut", async () => {
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
  await expect(fetch(proxy.url + LIST)).rejects.toThrow("fetch failed");
});

test.each([
  ["half an event", cutMidEvent, "eve", "cut"],
  ["the event", endAfterEvent, "event\n", "ended"],
  ["half an event as a whole line", truncatedJson, "eve\n", "ended"],
] as const)("%s comes through before the end of a watch", async (_, fault, text, end) => {
  const seen = await watchStruckBy(fault);
  await until(`it is ${end}`, () => seen.end === end, DEADLINE);
  expect(seen.text).toBe(text);
});

test("410 as an event takes the place of an event", async () => {
  const seen = await watchStruckBy(goneAsEvent);
  await until("it ended", () => seen.end === "ended", DEADLINE);
  expect(JSON.parse(seen.text)).toMatchObject({ type: "ERROR", object: { kind: "Status", code: 410 } });
});

test("silence keeps the connection open and lets nothing through, until the client goes", async () => {
  const seen = await watchStruckBy(silence);
  send("more\n");
  const other = await watch();
  send("for all\n");
  await until("the other watch has it", () => other.text === "for all\n", DEADLINE);
  proxy.heal();
  send("healed\n");
  await until("the other watch has that, too", () => other.text === "for all\nhealed\n", DEADLINE);
  expect(seen).toMatchObject({ text: "", end: "open" });
  seen.stop();
  await until("the silent one is closed", () => proxy.openWatches === 1 && watches.size === 1, DEADLINE);
});

test("byte by byte splits characters, and a long line only so far", async () => {
  const seen = await watchStruckBy(byteByByte({ bytes: 6, pauseMs: 2 }), "a long line and ümlä\n");
  await until("it is through", () => seen.text === "a long line and ümlä\n", DEADLINE);
  expect(seen.chunks).toBeGreaterThan(1);
  expect(seen.chunks).toBeLessThanOrEqual(7);
});

test("refusals come in the server's place, as often as planned and to those that match", async () => {
  proxy.next(serverError, { matches: isList, times: 2 });
  proxy.next(tooManyRequests(7), { matches: isList });
  proxy.next(goneAsStatus, { matches: isWatch });
  proxy.next(endAtOnce, { matches: isWatch });
  const answers = [];
  for (const path of ["/things/1", LIST, LIST, LIST, WATCH, LIST, WATCH]) answers.push(await fetch(proxy.url + path));
  expect(answers.map(({ status }) => status)).toEqual([201, 500, 500, 429, 410, 201, 200]);
  expect(answers[3]?.headers.get("retry-after")).toBe("7");
  expect(await answers[4]?.json()).toMatchObject({ kind: "Status", code: 410, reason: "Expired" });
  expect(await answers[6]?.text()).toBe("");
  expect(asked).toHaveLength(2);
  expect(proxy.requests.map(({ fault }) => fault)).toEqual([
    undefined,
    serverError.name,
    serverError.name,
    "429",
    goneAsStatus.name,
    undefined,
    endAtOnce.name,
  ]);
});

test("a body of one line is cut like an event", async () => {
  proxy.next(truncatedJson, { matches: isList });
  expect(await (await fetch(proxy.url + LIST)).text()).toBe("a l\n");
});

test("healed, nothing that was planned happens", async () => {
  const seen = await watch();
  proxy.strike(cutMidEvent);
  proxy.next(serverError);
  proxy.heal();
  send("event\n");
  await until("it is through", () => seen.text === "event\n", DEADLINE);
  expect((await fetch(proxy.url + LIST)).status).toBe(201);
});
