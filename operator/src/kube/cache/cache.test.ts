import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { until } from "../../../../test/lib/until.ts";
import { type KubeObject, ownerReferenceTo } from "../objects.ts";
import { FakeApiServer, fail, json } from "../testing/fake-api-server.ts";
import { Cache, type CacheOptions, type ChangeHandler } from "./cache.ts";

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

async function start(handler?: ChangeHandler, options: Partial<CacheOptions> = {}): Promise<void> {
  cache = new Cache({
    client: server.client,
    resource: CONFIG_MAP,
    log: pino({ enabled: false }),
    backoff: { firstMs: 5, longestMs: 50 },
    silenceMs: 60_000,
    ...options,
  });
  if (handler !== undefined) cache.onChange(handler);
  running = cache.run(stop.signal);
  const scopes = options.namespaces?.length ?? 1;
  await until("the watch is open", () => cache.hasSynced && server.openWatches === scopes, DEADLINE);
}

test("it follows what is made, changed and removed, and tells its handlers", async () => {
  put("old");
  const seen: string[] = [];
  await start(({ now, before }) => void seen.push(`${before?.metadata.name ?? "-"}>${now?.metadata.name ?? "-"}`));
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
  await start(({ now, before }) => void (now === undefined && gone.push(before?.metadata.name ?? "")));
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
  await start(undefined, { silenceMs: 300 });
  await until("it watches again", () => watches() >= 3, DEADLINE);
  put("one");
  await until("the event is in", () => valueIn("one"), DEADLINE);
});

test("a connection on which only bookmarks come is kept", async () => {
  await start(undefined, { silenceMs: 1_000 });
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

test.each([
  [
    "throws",
    () => {
      throw new Error("no");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no"))],
])("a handler that %s stops nothing", async (_, handler) => {
  await start(handler);
  put("one");
  put("two");
  await until("both are in", () => valueIn("one") === "1" && valueIn("two") === "1", DEADLINE);
});

test("a handler that comes late is told of what is there already, and no more when it has left", async () => {
  put("one");
  await start();
  const seen: string[] = [];
  const leave = cache.onChange(({ now, initial }) => seen.push(`${now?.metadata.name} ${initial}`));
  put("two");
  await until("the event is in", () => valueIn("two"), DEADLINE);
  leave();
  put("three");
  await until("the event is in", () => valueIn("three"), DEADLINE);
  expect(seen).toEqual(["one true", "two false"]);
});

test("selectors go to the server, with the list and with the watch", async () => {
  await start(undefined, { labelSelector: "ours=yes", fieldSelector: "metadata.name=one" });
  for (const { query } of server.calls) {
    expect(query.get("labelSelector")).toBe("ours=yes");
    expect(query.get("fieldSelector")).toBe("metadata.name=one");
  }
  expect(server.calls.length).toBe(2);
});

test("of several namespaces each is watched by itself, and a new list of one leaves the others alone", async () => {
  const put = (namespace: string): void =>
    void server.put(`/api/v1/namespaces/${namespace}/configmaps/one`, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "one", namespace },
    });
  for (const namespace of ["a", "b", "c"]) put(namespace);
  await start(undefined, { namespaces: ["a", "b"] });
  const keys = () => cache.list().map(({ metadata }) => metadata.namespace);
  expect(keys().sort()).toEqual(["a", "b"]);
  server.objects.delete(pathOf("one"));
  server.sendRaw(`${JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } })}\n`);
  await until("both listed anew", () => lists() === 4 && server.openWatches === 2, DEADLINE);
  expect(keys()).toEqual(["b"]);
});

test("objects are found by an index, also after they changed", async () => {
  put("one", "red");
  put("two", "red");
  await start();
  const valuesOf = (object: KubeObject) => [(object as KubeObject & { data: { value: string } }).data.value];
  cache.addIndex("value", valuesOf);
  const named = (value: string) => cache.byIndex("value", value).map(({ metadata }) => metadata.name);
  expect(named("red")).toEqual(["one", "two"]);
  put("one", "blue");
  server.put(pathOf("two"), null);
  await until("the last event is in", () => cache.size === 1, DEADLINE);
  expect(named("red")).toEqual([]);
  expect(named("blue")).toEqual(["one"]);
});

test("the objects that an object controls are found by its kind and key, also when they change hands", async () => {
  const owner = { group: "example.com", version: "v1", kind: "Owner", plural: "owners" };
  const child = (name: string, of: string): void => {
    const ownerReferences = [ownerReferenceTo(owner, { ...configMap(of), kind: "Owner" })];
    server.put(pathOf(name), { ...configMap(name), metadata: { ...configMap(name).metadata, ownerReferences } });
  };
  child("x", "one");
  child("y", "two");
  put("z");
  await start();
  const ownedBy = (key: string) => cache.ownedBy(owner, key).map(({ metadata }) => metadata.name);
  expect([ownedBy("a/one"), ownedBy("a/two"), ownedBy("b/one")]).toEqual([["x"], ["y"], []]);
  child("x", "two");
  await until("the change is in", () => ownedBy("a/one").length === 0, DEADLINE);
  expect(ownedBy("a/two").sort()).toEqual(["x", "y"]);
  expect(cache.ownedBy({ ...owner, group: "other.com" }, "a/two")).toEqual([]);
});

test("a quiet watch that lasted begins a new row of failures when it is cut", async () => {
  const failures: number[] = [];
  const log = pino({}, { write: (line: string) => void failures.push(JSON.parse(line).failures) });
  await start(undefined, { log });
  let refusals = 3;
  server.fault = ({ query }, response) => {
    if (!query.has("watch") || refusals-- <= 0) return false;
    fail(response, 500, "InternalError");
    return true;
  };
  server.endWatches("cut");
  await until("it watches again", () => failures.length === 4 && server.openWatches === 1, DEADLINE);
  const openedAt = Date.now();
  await until("the watch has lasted", () => Date.now() - openedAt > 1_100, DEADLINE);
  server.endWatches("cut");
  await until("it noticed", () => failures.length === 5, DEADLINE);
  expect(failures).toEqual([1, 2, 3, 4, 1]);
});

test("its age is that of the namespace that was not heard of for longest", async () => {
  server.fault = ({ path }, response) => {
    if (!path.includes("/namespaces/b/")) return false;
    fail(response, 403, "Forbidden");
    return true;
  };
  const options = {
    client: server.client,
    resource: CONFIG_MAP,
    namespaces: ["a", "b"],
    log: pino({ enabled: false }),
  };
  cache = new Cache({ ...options, backoff: { firstMs: 5, longestMs: 50 } });
  running = cache.run(stop.signal);
  let count = 0;
  const aHasNews = (): void => put("one", String(++count));
  const ticking = setInterval(aHasNews, 5);
  await until("b is old though a has news", () => count > 10 && cache.ageMs > 200, DEADLINE);
  clearInterval(ticking);
  expect(cache.hasSynced).toBe(false);
});

test("a server that wants a pause of months is asked no more often for that, and no later than in a minute", async () => {
  await start();
  server.fault = ({ query }, response) => {
    if (query.has("watch")) fail(response, 429, "TooManyRequests", { "retry-after": "9999999" });
    return query.has("watch");
  };
  server.endWatches("cleanly");
  await until("it was refused", () => watches() === 2, DEADLINE);
  const refusedAt = Date.now();
  await until("some time has passed", () => Date.now() - refusedAt > 300, DEADLINE);
  expect(watches()).toBe(2);
});

test("an index function that throws leaves its object out, and stops nothing", async () => {
  await start();
  cache.addIndex("value", (object) => {
    if (object.metadata.name === "bad") throw new Error("no");
    return ["all"];
  });
  for (const name of ["one", "bad", "two"]) put(name);
  await until("all are in", () => cache.size === 3, DEADLINE);
  server.put(pathOf("bad"), null);
  await until("it is gone", () => cache.size === 2, DEADLINE);
  expect(cache.byIndex("value", "all").map(({ metadata }) => metadata.name)).toEqual(["one", "two"]);
  expect(watches()).toBe(1);
});

test("an index has one meaning", async () => {
  await start();
  const valuesOf = () => [];
  cache.addIndex("value", valuesOf);
  cache.addIndex("value", valuesOf);
  expect(() => cache.addIndex("value", () => [])).toThrow('there is another index "value"');
  expect(() => cache.byIndex("color", "red")).toThrow('there is no index "color"');
});

test.each([
  ["nothing else is said", {}, false],
  ["all is asked for", { keep: (object: KubeObject) => object }, true],
])("managed fields are kept or not: when %s", async (_, scope, kept) => {
  const object = configMap("one");
  const metadata = { ...object.metadata, managedFields: [{ manager: "x" }] };
  server.put(pathOf("one"), { ...object, metadata });
  await start(undefined, scope);
  expect("managedFields" in (cache.get("a/one")?.metadata ?? {})).toBe(kept);
  expect(valueIn("one")).toBe("1");
});

test("a server that has news at each short watch is heard without long pauses", async () => {
  await start(undefined, { backoff: { firstMs: 5, longestMs: 3_600_000 } });
  for (let i = 1; i <= 30; i++) {
    put("one", String(i));
    server.endWatches("cleanly");
    await until("the event is in", () => valueIn("one") === String(i) && server.openWatches === 1, DEADLINE);
  }
});

test("a throttled watch comes back no sooner than it was told", async () => {
  await start();
  const before = watches();
  let refusedAt = 0;
  server.fault = ({ query }, response) => {
    if (!query.has("watch") || refusedAt > 0) return false;
    refusedAt = Date.now();
    fail(response, 429, "TooManyRequests", { "retry-after": "1" });
    return true;
  };
  server.endWatches("cleanly");
  await until("it watches again", () => watches() === before + 2, DEADLINE);
  // Timers may fire a millisecond early.
  expect(Date.now() - refusedAt).toBeGreaterThanOrEqual(990);
});

test("what it hands out cannot be changed", async () => {
  put("one");
  await start();
  const object = cache.get<KubeObject & { data: { value: string } }>("a/one");
  expect(() => {
    if (object !== undefined) object.data.value = "corrupt";
  }).toThrow(TypeError);
});
