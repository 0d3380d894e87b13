import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { AAA_CLUSTER, type AaaCluster } from "../../operator/src/api/aaacluster.ts";
import { pathOf } from "../../operator/src/kube/index.ts";
import { until } from "../lib/until.ts";
import { kstatusOf, type Verdict } from "./kstatus.ts";
import { READY } from "./kubernetes.ts";
import { Stage } from "./stage.ts";
import { conditionOf, DEADLINE } from "./test-cluster.ts";

const MINUTE_MS = 60_000;

let stage: Stage;
/** Every version of every AaaCluster that the API server had. */
const history: AaaCluster[] = [];
const over = new AbortController();
let watching: Promise<void>;

beforeAll(async () => {
  stage = await Stage.start();
  watching = record();
}, MINUTE_MS);

afterAll(async () => {
  over.abort();
  await watching;
  await stage?.[Symbol.asyncDispose]();
});

async function record(): Promise<void> {
  const options = { query: { watch: true, resourceVersion: "0" }, signal: over.signal, silenceMs: 10 * MINUTE_MS };
  try {
    for await (const line of stage.client.lines(pathOf(AAA_CLUSTER), options)) {
      history.push((JSON.parse(line) as { object: AaaCluster }).object);
    }
  } catch (error) {
    if (!over.signal.aborted) throw error;
  }
}

const versionOf = ({ metadata }: AaaCluster): number => Number(metadata.resourceVersion);

/** What tools made of all that happened to a cluster after one version and up to another. */
async function verdicts(after: number, last: AaaCluster): Promise<Verdict[]> {
  const has = (): boolean => history.some((one) => versionOf(one) >= versionOf(last));
  await until("the watch has seen it", has, DEADLINE);
  const between = history.filter((one) => versionOf(one) > after && versionOf(one) <= versionOf(last));
  expect(between.length).toBeGreaterThan(0);
  return [...new Set(between.filter(({ metadata }) => metadata.uid === last.metadata.uid).map(kstatusOf))];
}

test("before any operator has looked, it is unknown whether a cluster is ready", async () => {
  const cluster = await stage.newCluster();
  const found = await cluster.get();
  expect(conditionOf(found, "Ready")).toMatchObject({ status: "Unknown", reason: "NotObserved" });
  expect(kstatusOf(found)).toBe("InProgress");
  await cluster.end();
});

test(
  "from its creation until it is ready no tool takes a cluster for current, nor for failed",
  async () => {
    await stage.startOperator();
    const cluster = await stage.newCluster();
    cluster.slow.add("tv-aaa-1");
    await cluster.until("Reconciling", { status: "True", reason: "RollingOut" });
    await cluster.kubernetes.play();
    await cluster.until("NodesReady", { reason: "PodsNotReady" });
    await cluster.until("Reconciling", { status: "False" });
    const last = await cluster.get();
    expect(await verdicts(0, last)).toEqual(["InProgress"]);
    await cluster.kubernetes.setPod("tv-aaa-1", READY);
    const ready = await cluster.ready();
    expect(await verdicts(versionOf(last), ready)).toEqual(expect.arrayContaining(["Current"]));
    expect(kstatusOf(ready)).toBe("Current");
    await cluster.end();
  },
  MINUTE_MS,
);

test.each([
  ["an image", { nodes: { image: "node:2" } }],
  ["the number of nodes", { nodes: { replicas: 3 } }],
  ["the brokers' configuration", { broker: { additionalConfig: "heartbeat = 20" } }],
])(
  "from a change of %s until it is done everywhere no tool takes a cluster for current",
  async (_, spec) => {
    const cluster = await stage.newCluster({ oss: { replicas: 1 } });
    await cluster.ready();
    for (const pod of ["tv-aaa-0", "tv-aaa-1", "tv-aaa-2", "tv-broker-2"]) cluster.slow.add(pod);
    const changed = await cluster.setSpec(spec);
    await cluster.until("Reconciling", { status: "True", reason: "RollingOut" });
    await cluster.kubernetes.play();
    await cluster.until("Ready", { status: "False", reason: "PartsNotReady" });
    await cluster.reconciled();
    expect(await verdicts(versionOf(changed) - 1, await cluster.get())).toEqual(["InProgress"]);
    await cluster.end();
  },
  MINUTE_MS,
);
