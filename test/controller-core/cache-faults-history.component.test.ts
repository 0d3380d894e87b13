import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { KubeClient } from "../../operator/src/kube/client/client.ts";
import { cutMidEvent, held, serverError } from "../fault/faults.ts";
import { isList, isWatch } from "../fault/proxy.ts";
import { until } from "../lib/until.ts";
import { type ApiServer, startApiServer } from "../services/api-server.ts";
import { DEADLINE } from "./cache-faults-observed.ts";
import { mostLists, PAGE_SIZE, PAGES, Stage } from "./cache-faults-stage.ts";

const TIMEOUT_MS = 90_000;

let server: ApiServer;

beforeAll(async () => {
  server = await startApiServer();
}, TIMEOUT_MS);

afterAll(() => server.stop(), TIMEOUT_MS);

test.each(["gently", "kill"] as const)(
  "a cache gets over an API server that is restarted (%s)",
  async (how) => {
    await using stage = await Stage.open(server);
    const observed = await stage.startSynced();
    const before = stage.proxy.requests.length;
    const startedAt = performance.now();
    await server.down(how);
    await until("the cache has noticed", () => stage.proxy.requests.length >= before + 3, DEADLINE);
    await server.start();
    await until("it watches again", () => stage.proxy.openWatches === 1, DEADLINE);
    const windowMs = performance.now() - startedAt;
    const during = stage.proxy.requests.length - before;
    await stage.remove("seed-1");
    await stage.put("seed-2", "changed");
    await observed.toEqualServer();
    expect(observed.isRunning).toBe(true);
    expect(during).toBeLessThanOrEqual(mostLists(windowMs));
  },
  TIMEOUT_MS,
);

test(
  "a cache whose resource version etcd has forgotten lists anew and misses no deletion",
  async () => {
    await using stage = await Stage.open(server);
    const observed = await stage.startSynced();
    stage.proxy.next(serverError, { matches: isWatch, times: Number.POSITIVE_INFINITY });
    stage.proxy.strike(cutMidEvent);
    const before = stage.proxy.requests.length;
    await stage.changeUntil("the watch is cut", () => stage.proxy.openWatches === 0);
    await stage.remove("seed-0");
    await stage.put("seed-1", "changed");
    await server.compact();
    await server.down("kill");
    await server.start();
    stage.proxy.heal();
    await observed.toEqualServer();
    expect(observed.isRunning).toBe(true);
    // The watch was told 410 as an event, of which the client does not tell; the list is the proof.
    const lists = stage.proxy.requests.slice(before).filter(isList);
    expect(lists.length).toBeGreaterThan(0);
    expect(lists.length).toBeLessThanOrEqual(PAGES);
  },
  TIMEOUT_MS,
);

test(
  "a list whose continue token etcd has forgotten half-way is begun anew",
  async () => {
    await using stage = await Stage.open(server, PAGE_SIZE + 1);
    const codes: string[] = [];
    const onAnswer = (_: string, code: string): void => void codes.push(code);
    const client = new KubeClient(server.config(stage.proxy.url), { onAnswer });
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let isHeld = false;
    const hold = (): Promise<void> => {
      isHeld = true;
      return released;
    };
    stage.proxy.next(held(hold));
    const observed = stage.startCache({ client });
    await until("the first page is on its way", () => isHeld, DEADLINE);
    await stage.remove("seed-0");
    await stage.put("seed-9");
    await server.compact();
    await server.down("kill");
    await server.start();
    release();
    await observed.toEqualServer();
    expect(observed.isRunning).toBe(true);
    expect(observed.cache.hasSynced).toBe(true);
    expect(codes).toContain("410");
    expect(stage.proxy.requests.length).toBeLessThanOrEqual(2 + PAGES + 1);
  },
  TIMEOUT_MS,
);
