import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { until } from "../../../test/lib/until.ts";
import { Cache, type ChangeHandler } from "./cache.ts";
import type { KubeObject } from "./objects.ts";
import { FakeApiServer, fail, json } from "./testing/fake-api-server.ts";

const CONFIG_MAP = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
const ALL = "/api/v1/configmaps";
const DEADLINE = { deadlineMs: 5_000, intervalMs: 5 };

let server: FakeApiServer;
let cache: Cache;
let stop: AbortController;
let running: Promise<void>;

const pathOf = (name: string): string => `/api/v1/namespaces/a/configmaps/${name}`;
const configMap = (name: string, value = "1"): KubeObject =>
  ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "a" }, data: { value } }) as KubeObject;
const put = (name: string, value?: string): void => void server.put(pathOf(name), configMap(name, value));
const valueIn = (name: string): string | undefined =>
  cache.get<KubeObject & { data: { value: string } }>(`a/${name}`)?.data.value;
const watches = (): number => server.calls.filter(({ query }) => query.has("watch")).length;
const lists = (): number => server.calls.filter(({ query }) => query.has("limit")).length;

beforeEach(async () => {
  server = await FakeApiServer.start();
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await running;
  await server[Symbol.asyncDispose]();
});

async function start(handler?: ChangeHandler, silenceMs = 60_000): Promise<void> {
  cache = new Cache({
    client: server.client,
    resource: CONFIG_MAP,
    log: pino({ enabled: false }),
    backoff: { firstMs: 5, longestMs: 50 },
    silenceMs,
  });
  if (handler !== undefined) cache.onChange(handler);
  running = cache.run(stop.signal);
  await until("the watch is open", () => cache.hasSynced && server.openWatches === 1, DEADLINE);
}

test("it follows what is made, changed and removed, and tells its handlers", async () => {
  put("old");
  const seen: string[] = [];
  await start((now, before) => void seen.push(`${before?.metadata.name ?? "-"}>${now?.metadata.name ?? "-"}`));
  put("new");
  put("new", "2");
  server.put(pathOf("old"), null);
  await until("the last event is in", () => valueIn("old") === undefined, DEADLINE);
  expect(valueIn("new")).toBe("2");
  expect(seen).toEqual(["->old", "->new", "new>new", "old>-"]);
});

test("it asks for bookmarks and an end, and starts where the list ended", async () => {
  put("one");
  await start();
  const watch = server.calls.find(({ query }) => query.has("watch"));
  expect(watch?.path).toBe(ALL);
  expect(watch?.query.get("allowWatchBookmarks")).toBe("true");
  expect(Number(watch?.query.get("timeoutSeconds"))).toBeGreaterThanOrEqual(240);
  expect(watch?.query.get("resourceVersion")).toBe("101");
});

test("a long list is read page by page", async () => {
  server.fault = ({ query }, response) => {
    if (query.has("watch")) return false;
    const isSecond = query.get("continue") === "next";
    const { apiVersion: _, kind: __, ...item } = configMap(isSecond ? "second" : "first");
    json(response, 200, {
      metadata: { resourceVersion: "9", ...(isSecond ? {} : { continue: "next" }) },
      items: [item],
    });
    return true;
  };
  await start();
  expect(cache.list().map(({ metadata, kind }) => `${kind} ${metadata.name}`)).toEqual([
    "ConfigMap first",
    "ConfigMap second",
  ]);
});

test("a cut watch is taken up where it stopped, without a new list", async () => {
  await start();
  put("one");
  await until("the event is in", () => valueIn("one"), DEADLINE);
  server.endWatches("cut");
  await until("it watches again", () => watches() === 2 && server.openWatches === 1, DEADLINE);
  expect(server.calls.at(-1)?.query.get("resourceVersion")).toBe("101");
  expect(lists()).toBe(1);
});

test("a bookmark moves the place from which the watch is taken up", async () => {
  await start();
  server.sendRaw(
    `${JSON.stringify({ type: "BOOKMARK", object: { kind: "ConfigMap", metadata: { resourceVersion: "777" } } })}\n`,
  );
  server.endWatches("cleanly");
  await until("it watches again", () => watches() === 2, DEADLINE);
  expect(server.calls.at(-1)?.query.get("resourceVersion")).toBe("777");
});

test.each(["as an event", "as a status"])("a version that is gone, told %s, leads to a new list", async (how) => {
  put("kept");
  put("lost");
  const gone: string[] = [];
  await start((now, before) => void (now === undefined && gone.push(before?.metadata.name ?? "")));
  server.objects.delete(pathOf("lost"));
  if (how === "as an event") {
    server.sendRaw(`${JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } })}\n`);
  } else {
    let refused = false;
    server.fault = ({ query }, response) => {
      if (!query.has("watch") || refused) return false;
      refused = true;
      fail(response, 410, "Expired");
      return true;
    };
    server.endWatches("cleanly");
  }
  await until("it listed anew", () => lists() === 2 && server.openWatches === 1, DEADLINE);
  expect(valueIn("kept")).toBe("1");
  expect(gone).toEqual(["lost"]);
});

test("a silent connection is given up", async () => {
  await start(undefined, 50);
  await until("it watches again", () => watches() >= 3, DEADLINE);
  put("one");
  await until("the event is in", () => valueIn("one"), DEADLINE);
});

test("a connection on which only bookmarks come is kept", async () => {
  await start(undefined, 1_000);
  const bookmark = { type: "BOOKMARK", object: { kind: "ConfigMap", metadata: { resourceVersion: "777" } } };
  const ticking = setInterval(() => server.sendRaw(`${JSON.stringify(bookmark)}\n`), 50);
  const startedAt = Date.now();
  await until("longer than the allowed silence", () => Date.now() - startedAt > 1_500, DEADLINE);
  clearInterval(ticking);
  expect(watches()).toBe(1);
});

test("half an event is not believed", async () => {
  await start();
  server.sendRaw('{"type":"ADDED","object":{"metadata":{"name":"half');
  server.endWatches("cut");
  await until("it watches again", () => server.openWatches === 1 && watches() === 2, DEADLINE);
  expect(cache.list()).toEqual([]);
  put("whole");
  await until("the event is in", () => valueIn("whole"), DEADLINE);
});

test("a server that refuses lists and watches is asked again until it answers", async () => {
  let refusals = 5;
  server.fault = (_, response) => {
    if (refusals === 0) return false;
    refusals -= 1;
    fail(response, 500, "InternalError");
    return true;
  };
  await start();
  expect(refusals).toBe(0);
});

test("a server that ends every watch at once is not asked in a tight loop", async () => {
  await start();
  const before = watches();
  server.fault = ({ query }, response) => {
    if (query.has("watch")) response.writeHead(200).end();
    return query.has("watch");
  };
  server.endWatches("cleanly");
  const startedAt = Date.now();
  await until("it tried ten times", () => watches() >= before + 10, DEADLINE);
  // 5 + 10 + 20 + 40 + 50 * 5 ms, of which half may be taken off.
  expect(Date.now() - startedAt).toBeGreaterThan(150);
});

test("a handler that throws stops nothing", async () => {
  await start(() => {
    throw new Error("no");
  });
  put("one");
  put("two");
  await until("both are in", () => valueIn("one") === "1" && valueIn("two") === "1", DEADLINE);
});

test("what it hands out cannot be changed", async () => {
  put("one");
  await start();
  const object = cache.get<KubeObject & { data: { value: string } }>("a/one");
  expect(() => {
    if (object !== undefined) object.data.value = "corrupt";
  }).toThrow(TypeError);
});
