import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { printFailure, runSeed } from "./run.ts";
import { type Servers, startServers } from "./servers.ts";

const SEEDS = process.env.SEED === undefined ? [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] : [Number(process.env.SEED)];

let servers: Servers;
beforeAll(async () => {
  servers = await startServers();
}, 120_000);
afterAll(() => servers.stop(), 60_000);

test.each(SEEDS)(
  "whatever breaks by the schedule of seed %i, nothing is lost, invented or seen out of order",
  async (seed) => {
    const result = await runSeed(servers, seed);
    if (result.breaches.length > 0) throw new Error(printFailure(result));
    // How many there are is up to the machine, and to how long the faults leave nobody to answer.
    expect(result.writes.accepted).toBeGreaterThan(10);
    expect(result.records.acknowledged).toBeGreaterThan(10);
    expect(result.injected.length).toBeGreaterThan(0);
  },
  300_000,
);
