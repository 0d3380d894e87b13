import { afterAll, beforeAll, expect, test } from "@jest/globals";
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
} from "../fault/faults.ts";
import { type Asked, isList, isWatch } from "../fault/proxy.ts";
import { until } from "../lib/until.ts";
import { type ApiServer, startApiServer } from "../services/api-server.ts";
import { DEADLINE } from "./cache-faults-observed.ts";
import { BACKOFF, mostLists, mostRounds, PAGES, Stage } from "./cache-faults-stage.ts";

const TIMEOUT_MS = 90_000;
const SILENCE_MS = 300;

let server: ApiServer;

beforeAll(async () => {
  server = await startApiServer();
}, TIMEOUT_MS);

afterAll(() => server.stop(), TIMEOUT_MS);

interface Case {
  /** What meets the open watch, and then the next requests in this order. */
  readonly strike: Fault;
  readonly next: readonly { readonly fault: Fault; readonly matches: (request: Asked) => boolean }[];
  /** The most requests that may come in so many ms. */
  readonly most: (windowMs: number) => number;
  /** Whether the cache has to list anew. Where it has not, it must not. */
  readonly lists: boolean;
}

const repeated = (fault: Fault, times = 4, matches = isWatch) =>
  Array.from({ length: times }, () => ({ fault, matches }));

const CASES: Readonly<Record<string, Case>> = {
  "connections that are cut in the middle of an event": {
    strike: cutMidEvent,
    next: repeated(cutMidEvent),
    most: mostRounds,
    lists: false,
  },
  "connections that fall silent": {
    strike: silence,
    next: repeated(silence),
    // Each is given up for its silence alone.
    most: (windowMs) => 1 + windowMs / SILENCE_MS,
    lists: false,
  },
  "watches that end at once in good order": {
    strike: endAfterEvent,
    next: repeated(endAtOnce),
    most: mostRounds,
    lists: false,
  },
  "events of which half comes, in an answer that ends in good order": {
    strike: truncatedJson,
    next: repeated(truncatedJson),
    most: mostRounds,
    lists: false,
  },
  "a resource version that is gone, told as a status": {
    strike: cutMidEvent,
    next: repeated(goneAsStatus, 8),
    most: mostLists,
    lists: true,
  },
  "a resource version that is gone, told as an event": {
    strike: goneAsEvent,
    next: repeated(goneAsEvent),
    most: mostLists,
    lists: true,
  },
  "a server that is overloaded": {
    strike: cutMidEvent,
    next: repeated(tooManyRequests(1), 2),
    // It says each time when to come back.
    most: (windowMs) => 2 + windowMs / 1_000,
    lists: false,
  },
  "lists that fail with 500, refused, cut or truncated": {
    strike: goneAsEvent,
    next: [serverError, cutMidEvent, truncatedJson].flatMap((fault) => repeated(fault, 2, isList)),
    // Each fails at its first page; only the last is a whole one.
    most: (windowMs) => mostRounds(windowMs) + PAGES,
    lists: true,
  },
};

test.each(Object.entries(CASES))(
  "a cache gets over %s",
  async (_, { strike, next, most, lists }) => {
    await using stage = await Stage.open(server);
    const { proxy } = stage;
    const observed = await stage.startSynced({ silenceMs: SILENCE_MS * (strike === silence ? 1 : 1_000) });
    const before = proxy.requests.length;
    const startedAt = performance.now();
    for (const { fault, matches } of next) proxy.next(fault, { matches });
    proxy.strike(strike);
    const struck = () => proxy.requests.filter(({ fault }) => fault !== undefined).length === next.length;
    await stage.changeUntil("all faults have struck and a sound watch stands", () => {
      const last = proxy.requests.at(-1);
      return struck() && last !== undefined && isWatch(last) && last.fault === undefined && proxy.openWatches === 1;
    });
    const windowMs = performance.now() - startedAt;
    const during = proxy.requests.slice(before);

    await observed.toEqualServer();
    expect(observed.isRunning).toBe(true);
    expect(during.length).toBeLessThanOrEqual(most(windowMs));
    expect(during.some(isList)).toBe(lists);
  },
  TIMEOUT_MS,
);

test(
  "a server that ends the watch after each event costs one watch an event, and none is missed",
  async () => {
    await using stage = await Stage.open(server);
    const { proxy } = stage;
    const observed = await stage.startSynced();
    const before = proxy.requests.length;
    let events = 0;
    observed.cache.onChange(() => events++);
    events = 0;
    proxy.next(endAfterEvent, { matches: isWatch, times: Number.POSITIVE_INFINITY });
    proxy.strike(endAfterEvent);
    await stage.changeUntil("it has made ten watches", () => proxy.requests.length - before >= 10);
    await observed.toEqualServer();
    expect(observed.isRunning).toBe(true);
    const during = proxy.requests.slice(before);
    expect(during.every(isWatch)).toBe(true);
    expect(during.length).toBeLessThanOrEqual(events);
  },
  TIMEOUT_MS,
);

test(
  "answers that come byte by byte are waited for, and asked for once",
  async () => {
    await using stage = await Stage.open(server);
    stage.proxy.next(byteByByte({ bytes: 100, pauseMs: 1 }), { times: Number.POSITIVE_INFINITY });
    const observed = await stage.startSynced();
    for (let i = 0; i < 6; i++) await stage.change();
    await observed.toEqualServer();
    expect(observed.isRunning).toBe(true);
    expect(stage.proxy.requests.map((request) => (isWatch(request) ? "watch" : "list"))).toEqual([
      "list",
      "list",
      "watch",
    ]);
  },
  TIMEOUT_MS,
);

test(
  "cuts that are far apart do not add up: after each, the cache is back at once",
  async () => {
    await using stage = await Stage.open(server);
    const backoff = { firstMs: 20, longestMs: 3_600_000 };
    const observed = await stage.startSynced({ backoff });
    // Doubled so often, the wait would be far beyond the deadline.
    for (let cut = 0; cut < 14; cut++) {
      await stage.put("seed-0", `before ${cut}`);
      await observed.toEqualServer();
      stage.proxy.strike(cutMidEvent);
      await stage.put("seed-0", `after ${cut}`);
      await observed.toEqualServer();
    }
    expect(observed.isRunning).toBe(true);
  },
  TIMEOUT_MS,
);

test(
  "handlers that throw and handlers that reject change nothing, for the cache and for other handlers",
  async () => {
    await using stage = await Stage.open(server);
    const observed = stage.startCache();
    observed.cache.onChange(() => {
      throw new Error("a handler throws");
    });
    observed.cache.onChange(() => Promise.reject(new Error("a handler rejects")));
    await until("it watches", () => stage.proxy.openWatches === 1, DEADLINE);
    for (let i = 0; i < 10; i++) await stage.change();
    await observed.toEqualServer();
    expect(observed.isRunning).toBe(true);
    expect(stage.proxy.requests.filter(isWatch)).toHaveLength(1);
  },
  TIMEOUT_MS,
);

test("the bound on rounds is what the backoff's shortest waits allow", () => {
  // They begin at 0, 10, 30, 70, 150, 310, 560, 810 ms.
  expect([0, 9, 10, 70, 311, 810].map((ms) => mostRounds(ms, BACKOFF))).toEqual([1, 1, 2, 4, 6, 8]);
});
