import { setTimeout as sleep } from "node:timers/promises";
import { chooseCluster } from "../../cluster/choose.ts";
import type { NodeLayout } from "../../cluster/local/layout.ts";
import {
  cutCable,
  drain,
  type Fault,
  killHaproxy,
  killKeepalived,
  killNode,
  pause,
  stopBackends,
  thenReplaced,
} from "../../gateways/faults.ts";
import { type Effects, Load } from "../../gateways/load.ts";
import {
  BROKER_VIRTUAL_IP,
  candidateNodes,
  changeGateways,
  everyCandidateKnows,
  heldBy,
  VIRTUAL_IP,
  virtualGateway,
  withoutVirtualIP,
} from "../../gateways/virtual-ip.ts";
import { AaaCluster } from "../../lib/aaa-cluster.ts";
import { UserError } from "../../lib/errors.ts";
import { median, rounded } from "../../lib/statistics.ts";
import { say, step } from "../../lib/steps.ts";
import { heading, outagesOf, type Result, rowOf, sumOf } from "./table.ts";

const RUNS = Number(process.env.RUNS ?? 10);
const MINUTE_MS = 60_000;
const KEEPALIVED_DEFAULT_MS = 1_000;
const OURS_MS = 200;

/**
 * What boxes and a publisher notice when the holder of the virtual IP is lost, in whatever way. On the cluster of `make up`,
 * whose AAA and broker gateways are in Keepalived mode meanwhile. RUNS changes how often each fault strikes.
 */
export async function bench(): Promise<object> {
  const cluster = chooseCluster();
  if (cluster.kind !== "local")
    throw new UserError("this bench cuts cables", "run it with CLUSTER=local, after make up");
  const tv = new AaaCluster(cluster.access, "aaa");
  const { broker, nodes } = (await tv.get()).spec;
  try {
    await step("The AAA and the broker gateway in Keepalived mode", () => keepalived(tv, OURS_MS));
    const [first] = await candidateNodes(tv.kubectl);
    if (first === undefined) throw new Error("no candidate");
    await heldBy(first);
    return await measure(tv, first);
  } finally {
    await changeGateways(tv, { aaa: withoutVirtualIP(nodes.gateway), broker: withoutVirtualIP(broker.gateway) });
  }
}

async function measure(tv: AaaCluster, first: NodeLayout): Promise<object> {
  await using load = await Load.start(tv);
  const strike = (fault: Fault) => struck(tv, load, first, fault);
  say(heading());
  const cut = await strike(cutCable);
  const haproxy = await strike(thenReplaced(tv.kubectl, killHaproxy));
  const vrrp = await strike(thenReplaced(tv.kubectl, killKeepalived));
  const paused = await strike(pause);
  const drained = await strike(drain(tv.kubectl));
  const stopped = await strike(stopBackends(tv.kubectl));
  const dead = await strike(killNode);
  const killed = await podsKilled(tv, load);
  await keepalived(tv, KEEPALIVED_DEFAULT_MS);
  const defaults = await strike({ ...cutCable, name: "with keepalived's default interval its cable is cut" });
  await tv.converged((await tv.nodes()).length, 2 * MINUTE_MS);
  const { confirmed, connections } = load.publisher;
  const lost = await load.publisher.lost();
  say(`${confirmed} messages were confirmed over ${connections} connections; ${lost.length} of them are lost`);
  const all = [cut, haproxy, vrrp, paused, drained, stopped, dead, killed, defaults];
  return {
    runs: RUNS,
    keepalived_median_s: medianOf(vrrp),
    keepalived_max_s: maxOf(vrrp),
    haproxy_max_s: maxOf(haproxy),
    paused_max_s: maxOf(paused),
    drained_max_s: maxOf(drained),
    stopped_backends_max_s: maxOf(stopped),
    dead_node_median_s: medianOf(dead),
    dead_node_max_s: maxOf(dead),
    default_cut_median_s: medianOf(defaults),
    pod_kill_requests: sumOf(killed, ({ bare }) => bare.asked),
    two_holders_max_s: seconds(Math.max(...all.flatMap((one) => one.effects.map(({ heldTwiceMs }) => heldTwiceMs)))),
    box_requests_given_up: all.reduce((sum, one) => sum + sumOf(one, ({ boxes }) => boxes.givenUp), 0),
    confirmed_messages: confirmed,
    lost_confirms: lost.length,
    cut_median_s: medianOf(cut),
    cut_max_s: maxOf(cut),
    haproxy_median_s: medianOf(haproxy),
    pod_kill_failed_requests: sumOf(killed, ({ bare }) => bare.failed),
    default_ratio: rounded(medianOf(defaults) / medianOf(cut)),
  };
}

const seconds = (milliseconds: number): number => rounded(milliseconds / 1000);
const medianOf = (result: Result): number => seconds(median(outagesOf(result)));
const maxOf = (result: Result): number => seconds(Math.max(...outagesOf(result)));

async function keepalived(tv: AaaCluster, advertIntervalMilliseconds: number): Promise<void> {
  const gateway = (virtualIP: string) => ({ ...virtualGateway(virtualIP), advertIntervalMilliseconds });
  await changeGateways(tv, { aaa: gateway(VIRTUAL_IP), broker: gateway(BROKER_VIRTUAL_IP) });
}

/** Strikes RUNS times. Rejects unless the address is with the first candidate each time. */
function struck(tv: AaaCluster, load: Load, first: NodeLayout, fault: Fault): Promise<Result> {
  return repeated(tv, fault.name, async () => {
    await heldBy(first);
    await load.well(MINUTE_MS);
    const since = load.begin();
    await fault.strike(first);
    let outageMs: number;
    try {
      await sleep(500);
      await load.well(MINUTE_MS);
      outageMs = load.outageMs(since);
    } finally {
      await fault.heal(first);
    }
    await heldBy(first, 5 * MINUTE_MS);
    await load.well(MINUTE_MS);
    return { ...(await load.since(since)), outageMs };
  });
}

/** Deletes AAA pods as if they had died, one after the other. */
function podsKilled(tv: AaaCluster, load: Load): Promise<Result> {
  return repeated(tv, "an AAA pod is killed", async (run, nodes) => {
    const since = load.begin();
    await tv.kubectl.run(["delete", "pod", `${tv.name}-aaa-${run % nodes}`, "--grace-period=0", "--force"]);
    await sleep(5_000);
    await tv.ready(3 * MINUTE_MS);
    return load.since(since);
  });
}

/** Does something RUNS times, each time when all is well, and tells what it did. */
async function repeated(
  tv: AaaCluster,
  name: string,
  strike: (run: number, nodes: number) => Promise<Effects>,
): Promise<Result> {
  const nodes = (await tv.nodes()).length;
  const effects: Effects[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    await tv.ready(5 * MINUTE_MS);
    await everyCandidateKnows(tv, nodes);
    effects.push(await strike(run, nodes));
  }
  const result = { name, effects };
  say(rowOf(result));
  return result;
}
