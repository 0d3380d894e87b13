import { setTimeout as sleep } from "node:timers/promises";
import { chooseCluster } from "../../cluster/choose.ts";
import { Prober } from "../../gateways/prober.ts";
import {
  candidateNodes,
  cutCable,
  type Fault,
  heldBy,
  killHaproxy,
  killKeepalived,
  VIRTUAL_IP,
} from "../../gateways/virtual-ip.ts";
import { AaaCluster, conditionOf } from "../../lib/aaa-cluster.ts";
import { UserError } from "../../lib/errors.ts";
import type { KubernetesObject } from "../../lib/kubectl.ts";
import { median, rounded } from "../../lib/statistics.ts";
import { say, step } from "../../lib/steps.ts";
import { until } from "../../lib/until.ts";

const RUNS = Number(process.env.RUNS ?? 10);
const MINUTE_MS = 60_000;
const KEEPALIVED_DEFAULT_MS = 1_000;
const OURS_MS = 200;

/**
 * How long boxes are not answered when the holder of the virtual IP is lost: a box asks every 20 ms, each time anew. On
 * the cluster of `make up`, whose AAA gateway is in Keepalived mode meanwhile. RUNS changes how often each fault strikes.
 */
export async function bench(): Promise<object> {
  const cluster = chooseCluster();
  if (cluster.kind !== "local")
    throw new UserError("this bench cuts cables", "run it with CLUSTER=local, after make up");
  const tv = new AaaCluster(cluster.access, "aaa");
  const before = (await tv.get()).spec.nodes.gateway as object;
  try {
    await step("The AAA gateway in Keepalived mode", () => keepalived(tv, OURS_MS));
    const cut = await outages(tv, "the holder's cable is cut", cutCable);
    const haproxy = await outages(tv, "the holder's HAProxy is killed", killHaproxy);
    const vrrp = await outages(tv, "the holder's keepalived is killed", killKeepalived);
    const { asked, failed } = await step("AAA pods killed", () => killedPods(tv));
    await step("The same with keepalived's default interval", () => keepalived(tv, KEEPALIVED_DEFAULT_MS));
    const defaults = await outages(tv, "the holder's cable is cut", cutCable);
    return {
      runs: RUNS,
      pod_kill_requests: asked,
      keepalived_median_s: seconds(median(vrrp)),
      keepalived_max_s: seconds(Math.max(...vrrp)),
      haproxy_max_s: seconds(Math.max(...haproxy)),
      default_cut_median_s: seconds(median(defaults)),
      cut_median_s: seconds(median(cut)),
      cut_max_s: seconds(Math.max(...cut)),
      haproxy_median_s: seconds(median(haproxy)),
      pod_kill_failed_requests: failed,
      default_ratio: rounded(median(defaults) / median(cut)),
    };
  } finally {
    const absent = Object.fromEntries(Object.keys(virtual(OURS_MS)).map((field) => [field, null]));
    await patch(tv, { ...absent, ...before });
  }
}

const seconds = (milliseconds: number): number => rounded(milliseconds / 1000);

const virtual = (advertIntervalMilliseconds: number) => ({
  mode: "Keepalived",
  replicas: 3,
  virtualIP: VIRTUAL_IP,
  interface: "eth0",
  advertIntervalMilliseconds,
  preemptDelaySeconds: 2,
  service: { type: "ClusterIP", nodePort: null },
});

function patch(tv: AaaCluster, gateway: object): Promise<string> {
  const merge = `--patch=${JSON.stringify({ spec: { nodes: { gateway } } })}`;
  return tv.kubectl.run(["patch", "aaacluster", tv.name, "--type=merge", merge]);
}

async function keepalived(tv: AaaCluster, intervalMs: number): Promise<void> {
  await patch(tv, virtual(intervalMs));
  await until("the operator has seen it", async () => isSeen(await tv.get()), { deadlineMs: MINUTE_MS });
  await tv.ready(5 * MINUTE_MS);
  const [first] = await candidateNodes(tv.kubectl);
  if (first === undefined) throw new Error("no candidate");
  await heldBy(first, MINUTE_MS);
}

const isSeen = ({ metadata, status }: KubernetesObject): boolean =>
  status.observedGeneration === metadata.generation &&
  conditionOf({ metadata, status }, "Reconciling")?.status === "False";

/** Strikes RUNS times, each time when all is well; how long boxes were not answered, in milliseconds. */
async function outages(tv: AaaCluster, what: string, fault: Fault): Promise<number[]> {
  const [first] = await candidateNodes(tv.kubectl);
  if (first === undefined) throw new Error("no candidate");
  await using prober = new Prober(`http://${VIRTUAL_IP}:6060/v1/authorize`);
  const found: number[] = [];
  for (let index = 0; index < RUNS; index += 1) {
    await heldBy(first, 8 * MINUTE_MS);
    await until("boxes are answered", () => prober.isWell(2_000), { deadlineMs: 2 * MINUTE_MS });
    const since = performance.now();
    await fault.strike(first);
    await sleep(500);
    await until("boxes are answered again", () => prober.isWell(500), { deadlineMs: MINUTE_MS, intervalMs: 50 });
    found.push(prober.outageMs(since));
    await fault.heal(first);
  }
  say(`  ${what}: ${found.map((one) => `${seconds(one)} s`).join(", ")}`);
  return found;
}

/** How long a box waits for an answer. */
const BOX_TIMEOUT_MS = 5_000;

/** Deletes AAA pods as if they had died, one by one, while boxes ask. */
async function killedPods(tv: AaaCluster): Promise<{ readonly asked: number; readonly failed: number }> {
  await using prober = new Prober(`http://${VIRTUAL_IP}:6060/v1/authorize`, BOX_TIMEOUT_MS);
  const since = performance.now();
  for (const ordinal of [0, 1]) {
    await tv.ready(3 * MINUTE_MS);
    await sleep(2_000);
    await tv.kubectl.run(["delete", "pod", `${tv.name}-aaa-${ordinal}`, "--grace-period=0", "--force"]);
    await sleep(5_000);
  }
  await tv.ready(3 * MINUTE_MS);
  return prober.failuresSince(since);
}
