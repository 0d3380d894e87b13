import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
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
import { isList, isWatch } from "../fault/proxy.ts";
import { say } from "../lib/steps.ts";
import { type ApiServer, startApiServer } from "../services/api-server.ts";
import { PAGES, Stage } from "./cache-faults-stage.ts";

const RUNS = Number(process.env.AAA_FAULT_RUNS ?? 20);
/** A run of the property that failed is repeated with the seed that it printed. */
const SEED = Number(process.env.AAA_FAULT_SEED ?? Math.floor(Math.random() * 2 ** 31));
const TIMEOUT_MS = 60_000 + RUNS * 15_000;
const BACKOFF = { firstMs: 10, longestMs: 80 };
const SILENCE_MS = 200;
const SELECTOR = "side=in";

const FAULTS = {
  cutMidEvent,
  silence,
  endAfterEvent,
  endAtOnce,
  truncatedJson,
  slow: byteByByte({ bytes: 50, pauseMs: 1 }),
  goneAsEvent,
  goneAsStatus,
  serverError,
  overloaded: tooManyRequests(0),
} satisfies Readonly<Record<string, Fault>>;
type FaultName = keyof typeof FAULTS;

/** Faults go by their names, so that a counterexample can be read. */
type Step =
  | { readonly put: string; readonly value: string; readonly side: "in" | "out" }
  | { readonly remove: string }
  | { readonly fault: FaultName; readonly on: "watch" | "list"; readonly times: number }
  | { readonly pauseMs: number }
  | "compact";

const name = fc.constantFrom("a", "b", "c", "d", "e", "f");
const side = fc.constantFrom("in", "out");
const fault = fc.constantFrom(...(Object.keys(FAULTS) as FaultName[]));
// A silent list is given up after the client's 30 s, which is longer than a run may take.
const ofLists = fault.filter((name) => name !== "silence");
const times = fc.integer({ min: 1, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: record({ put: name, value: fc.string(), side }) },
  { weight: 3, arbitrary: record({ remove: name }) },
  { weight: 2, arbitrary: record({ fault, on: fc.constant("watch"), times }) },
  { weight: 1, arbitrary: record({ fault: ofLists, on: fc.constant("list"), times }) },
  { weight: 3, arbitrary: record({ pauseMs: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.constant("compact") },
);

function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true });
}

let server: ApiServer;

beforeAll(async () => {
  server = await startApiServer();
}, TIMEOUT_MS);

afterAll(() => server.stop(), TIMEOUT_MS);

async function take(stage: Stage, step: Step): Promise<void> {
  if (step === "compact") await server.compact();
  else if ("put" in step) await stage.put(step.put, step.value, { side: step.side });
  else if ("remove" in step) await stage.remove(step.remove);
  else if ("pauseMs" in step) await sleep(step.pauseMs);
  else {
    const fault = FAULTS[step.fault];
    const isOnWatch = step.on === "watch";
    stage.proxy.next(fault, { matches: isOnWatch ? isWatch : isList, times: step.times });
    // What comes over the open watches leads to the requests for which it is planned.
    stage.proxy.strike(isOnWatch ? ("line" in fault ? fault : cutMidEvent) : goneAsEvent);
  }
}

async function holds(taken: readonly Step[]): Promise<void> {
  await using stage = await Stage.open(server, 2);
  const startedAt = performance.now();
  const options = { backoff: BACKOFF, silenceMs: SILENCE_MS };
  const all = stage.startCache(options);
  const selected = stage.startCache({ ...options, labelSelector: SELECTOR });
  all.cache.onChange(() => {
    throw new Error("a handler throws");
  });
  selected.cache.onChange(() => Promise.reject(new Error("a handler rejects")));

  for (const step of taken) await take(stage, step);
  // No fault is taken back: all that were planned come a number of times, and then no more.
  for (const observed of [all, selected]) {
    await observed.toEqualServer();
    expect(observed.isRunning).toBe(true);
  }
  // Between two rounds of a cache there is at least the shortest wait, and a round is a list and a watch at most.
  const rounds = 1 + (performance.now() - startedAt) / (BACKOFF.firstMs / 2);
  expect(stage.proxy.requests.length).toBeLessThanOrEqual(2 * rounds * (PAGES + 1));
}

test(
  "whatever changes and faults come in whatever order, caches and their handlers end up with what the server has",
  async () => {
    say(`  cache faults: seed ${SEED}, ${RUNS} runs; repeat with AAA_FAULT_SEED=${SEED}`);
    const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80, size: "max" }), holds);
    // A smaller counterexample would cost a deadline for each try.
    await fc.assert(property, { seed: SEED, numRuns: RUNS, endOnFailure: true });
  },
  TIMEOUT_MS,
);
