/**
 * An operator whose memory is looked at, run as `node --expose-gc memory-subject.ts <API server>` with an IPC channel:
 * whatever comes there is answered with a Report. Its controller fails as long as an object says so.
 */
import { setImmediate as turn } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import { pino } from "pino";
import { WorkQueue } from "../../operator/src/kube/controller/queue.ts";
import { awaitChange, type KubeObject, Manager } from "../../operator/src/kube/index.ts";
import { CONFIG_MAP, type Report, type Subject, versionsOf } from "./memory-world.ts";

const WORKERS = 4;
const queues: WorkQueue[] = [];
const { run } = WorkQueue.prototype;
// A controller shows its queue to nobody.
WorkQueue.prototype.run = function (...args) {
  queues.push(this);
  return run.apply(this, args);
};

const config = new KubeConfig();
config.loadFromClusterAndUser({ name: "fake", server: process.argv[2] ?? "", skipTLSVerify: true }, { name: "test" });
const log = pino({ enabled: false });
const manager = new Manager({ name: "memory", domain: "example.com", config, log, metricsPort: 0, healthPort: 0 });
const configMaps = manager.cache(CONFIG_MAP);
// One value that many objects share, and one that goes with its object.
configMaps.addIndex("name", ({ metadata: { name } }) => [name.slice(-1), name]);
let reconciles = 0;
manager.addController({
  name: "memory",
  for: configMaps,
  workers: WORKERS,
  reconcile: async (key) => {
    reconciles += 1;
    // A reconcile waits for the API server, and others run meanwhile.
    await turn();
    if (configMaps.get<KubeObject & Subject>(key)?.data.fails === "yes") throw new Error("as the test wants it");
    return awaitChange;
  },
});

async function heapUsed(): Promise<number> {
  for (let round = 0; round < 5; round++) {
    globalThis.gc?.();
    await turn();
  }
  return process.memoryUsage().heapUsed;
}

async function report(measures: boolean): Promise<Report> {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
  return {
    objects: configMaps.size,
    versions: versionsOf(configMaps.list()),
    remembered: sum(queues.map(({ size }) => size)),
    pending: sum(queues.map(({ depth, working }) => depth + working.length)),
    reconciles,
    heapUsed: measures ? await heapUsed() : 0,
  };
}

process.on("message", (measures) => void report(measures === true).then((answer) => process.send?.(answer)));
process.once("disconnect", () => process.exit());
await manager.run(new AbortController().signal);
