import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { FakeApiServer } from "../../operator/src/kube/testing/fake-api-server.ts";
import { until } from "../lib/until.ts";
import { type Report, versionsOf, World } from "./memory-world.ts";

const OBJECTS = 10_000;
const WARM_UP = 2;
const GENERATIONS = 20;
/** In every sixth generation the operator's watch is gone and it has to list everything anew. */
const UNSEEN_EACH = 6;
const TOLERANCE = 0.1;
const TIMEOUT_MS = 600_000;
const DEADLINE = { deadlineMs: 60_000, intervalMs: 50 };

let server: FakeApiServer;
let operator: ChildProcess;

beforeAll(async () => {
  server = await FakeApiServer.start();
  const { NODE_OPTIONS: _, ...env } = process.env;
  const url = server.config.getCurrentCluster()?.server ?? "";
  // Code that V8 throws away for want of use would hide what the operator keeps.
  const execArgv = ["--expose-gc", "--no-flush-bytecode"];
  operator = fork(join(import.meta.dirname, "memory-subject.ts"), [url], { env, execArgv });
  await until("the operator watches", () => server.openWatches === 1, DEADLINE);
}, TIMEOUT_MS);

afterAll(async () => {
  if (operator.kill("SIGKILL")) await once(operator, "exit");
  await server[Symbol.asyncDispose]();
});

async function ask(measures = false): Promise<Report> {
  operator.send(measures);
  const [report] = await once(operator, "message");
  return report as Report;
}

/** Resolves when the operator's cache is as the server and it has nothing left to do but to try again. */
function settled(): Promise<Report> {
  const versions = versionsOf(server.objects.values());
  const isSettled = ({ objects, versions: seen, pending }: Report): boolean =>
    objects === server.objects.size && seen === versions && pending === 0 && server.openWatches === 1;
  return until("the operator has caught up", async () => [await ask()].find(isSettled), DEADLINE);
}

async function calm(): Promise<Report> {
  await settled();
  return ask(true);
}

const mib = ({ heapUsed }: Report): string => `${(heapUsed / 2 ** 20).toFixed(1)} MiB`;

test(
  "an operator of 10,000 objects is as large after 20 generations as before, and forgets the keys of all that is gone",
  async () => {
    const world = new World(server, OBJECTS);
    const bare = await calm();
    for (let generation = 0; generation < WARM_UP; generation++) await world.nextGeneration(false);
    const before = await calm();

    for (let generation = 1; generation <= GENERATIONS; generation++) {
      const failing = generation < GENERATIONS;
      if (generation % UNSEEN_EACH === 0) await world.nextGenerationUnseen(failing);
      else await world.nextGeneration(failing);
      await settled();
    }
    const after = await calm();
    process.stdout.write(
      `heap without objects ${mib(bare)}, with 10,000 ${mib(before)}, ` +
        `after 20 generations ${mib(after)}; ${after.reconciles} reconciles\n`,
    );
    expect([after.objects, after.remembered]).toEqual([OBJECTS, 0]);
    // Stricter than of the whole heap, two thirds of which are code.
    const growth = (after.heapUsed - before.heapUsed) / (before.heapUsed - bare.heapUsed);
    expect(Math.abs(growth)).toBeLessThan(TOLERANCE);

    await world.nextGeneration(true);
    expect((await settled()).remembered).toBeGreaterThan(0);
    await world.end();
    const empty = await calm();
    process.stdout.write(`heap when all objects are gone ${mib(empty)}\n`);
    expect([empty.objects, empty.remembered]).toEqual([0, 0]);
  },
  TIMEOUT_MS,
);
