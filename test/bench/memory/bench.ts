import { setTimeout as sleep } from "node:timers/promises";
import { Line, postRequest } from "../../lib/line.ts";
import { usageOf } from "../../lib/process-usage.ts";
import { rounded } from "../../lib/statistics.ts";
import { step } from "../../lib/steps.ts";
import { metricOf } from "../../replication/stack.ts";
import { requestOf } from "../authorize/routes.ts";
import { inLanes } from "../boxes/lanes.ts";
import type { NodeUnderLoad } from "../boxes/node.ts";
import { boxOfPopulation } from "../boxes/population.ts";
import { prepareNode } from "../boxes/prepare.ts";

const POPULATION = Number(process.env.POPULATION ?? 1_000_000);
const LANES = Number(process.env.LANES ?? 64);
/** How many boxes ask again, at random, when all have asked. */
const AGAIN = Math.ceil(POPULATION / 10);
const SETTLE_MS = 10_000;
const TIMEOUT_MS = 30_000;

/**
 * The memory of a node with 1,000,000 subscribers, each with a device and an entitlement, as its image runs it and with its default
 * settings: when it has them from OSS by a snapshot, when every box has asked it once whether it may use a service, and when a
 * tenth of them, at random, has asked again, of which the node knows `hit_rate` by then. POPULATION and LANES change the size.
 */
export async function bench(): Promise<object> {
  await using owned = new AsyncDisposableStack();
  const node = await prepareNode(owned, POPULATION);
  const synced = await usageOf(node.pid);
  const asker = owned.use(await askerOf(node));
  await step("Every box asks once", () => inLanes(LANES, POPULATION, asker.ask));
  const filled = await usageOf(node.pid);
  const before = await readsOf(node);
  const anyBox = (): number => Math.floor(Math.random() * POPULATION);
  await step("A tenth of them asks again", () => inLanes(LANES, AGAIN, (lane) => asker.ask(lane, anyBox())));
  const after = await readsOf(node);
  await step("It is left alone", () => sleep(SETTLE_MS));
  const settled = await usageOf(node.pid);
  const hits = after.memory - before.memory;
  return {
    peak_mib: rounded(settled.peakMib),
    settled_mib: rounded(settled.residentMib),
    synced_mib: rounded(synced.residentMib),
    synced_peak_mib: rounded(synced.peakMib),
    filled_mib: rounded(filled.residentMib),
    read_model_mib: rounded((await metricOf(node, "aaa_node_read_model_bytes")) / 2 ** 20),
    read_model_pieces: await metricOf(node, "aaa_node_read_model_pieces"),
    hit_rate: rounded(hits / (hits + after.database - before.database)),
    refused: asker.refused,
    population: POPULATION,
  };
}

interface Asker extends Disposable {
  /** How often a box was told to come again, and did: on a machine that has no time for the node. */
  readonly refused: number;
  ask(lane: number, box: number): Promise<void>;
}

/** Each box with a token of its own, which is made when it asks: a million of them would take more than the node. */
async function askerOf({ url, accessToken }: NodeUnderLoad): Promise<Asker> {
  const lines = await Promise.all(Array.from({ length: LANES }, () => Line.open(url, TIMEOUT_MS)));
  let refused = 0;
  return {
    get refused() {
      return refused;
    },
    ask: async (lane, box) => {
      const request = postRequest("/v1/authorize", requestOf(await accessToken(boxOfPopulation(box))));
      for (;;) {
        const { status, retryAfterSeconds, body } = await (lines[lane] as Line).ask(request);
        if (status === 200 && body.includes('"decision":"Permit"')) return;
        if (status !== 503 || retryAfterSeconds === null) throw new Error(`${status}: ${body}`);
        refused += 1;
        await sleep(retryAfterSeconds * 1000);
      }
    },
    [Symbol.dispose]: () => {
      for (const line of lines) line[Symbol.dispose]();
    },
  };
}

/** Questions that were answered from memory and only after the database was read. */
async function readsOf({ url }: NodeUnderLoad): Promise<{ memory: number; database: number }> {
  const [memory, database] = await Promise.all(
    ["memory", "database"].map((from) => metricOf({ url }, `aaa_node_reads_total{from="${from}"}`)),
  );
  return { memory: memory ?? 0, database: database ?? 0 };
}
