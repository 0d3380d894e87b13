import { readFile } from "node:fs/promises";
import { processesIn } from "../cluster/local/cgroups.ts";
import { CLUSTER, type NodeLayout } from "../cluster/local/layout.ts";
import { bootNode } from "../cluster/local/local-cluster.ts";
import { powerOff } from "../cluster/local/node.ts";
import type { Kubectl, KubernetesObject } from "../lib/kubectl.ts";
import { run } from "../lib/run.ts";

/** Ways to take a virtual IP from its holder, or what is behind it, on the local Kubernetes. */

/** Something that happens to the holder of a virtual IP. */
export interface Fault {
  /** How it is said of the holder, for example "its cable is cut". */
  readonly name: string;
  /** Whether the address goes to another node while it lasts. */
  readonly moves: boolean;
  /** Resolves as soon as it is done. */
  strike(holder: NodeLayout): Promise<void>;
  heal(holder: NodeLayout): Promise<void>;
}

/** Selects the gateway pods that have virtual IPs, and the AAA pods. */
const GATEWAY_PODS = "app.kubernetes.io/component in (aaa-gateway,broker-gateway)";
const AAA_PODS = "app.kubernetes.io/component=aaa";

const nothing = async (): Promise<void> => {};

export const cutCable: Fault = {
  name: "its cable is cut",
  moves: true,
  strike: async ({ cable }) => void (await run("ip", ["link", "set", cable, "down"])),
  heal: async ({ cable }) => void (await run("ip", ["link", "set", cable, "up"])),
};

/** Its kernel lives on, with the addresses and the routes that it has. */
export const killNode: Fault = {
  name: "its kubelet and all of its containers are killed",
  moves: true,
  strike: powerOff,
  heal: bootNode,
};

export const killHaproxy: Fault = {
  name: "its HAProxy is killed",
  moves: true,
  strike: (node) => signal("SIGKILL", node, ["haproxy"]),
  heal: nothing,
};

export const killKeepalived: Fault = {
  name: "its keepalived is killed",
  moves: true,
  strike: (node) => signal("SIGKILL", node, ["keepalived"]),
  heal: nothing,
};

/** The classical way to two holders: it wakes up and does not know that another one has taken over. */
export const pause: Fault = {
  name: "its HAProxy and its keepalived are paused",
  moves: true,
  strike: (node) => signal("SIGSTOP", node, ["haproxy", "keepalived"]),
  heal: (node) => signal("SIGCONT", node, ["haproxy", "keepalived"]),
};

/** A fault, and the pods of gateways on the node are replaced when it is over. What dies again and again, Kubernetes starts ever later. */
export function thenReplaced(kubectl: Kubectl, fault: Fault): Fault {
  const ofNode = (name: string) => [`--selector=${GATEWAY_PODS}`, `--field-selector=spec.nodeName=${name}`];
  return { ...fault, heal: async ({ name }) => void (await kubectl.run(["delete", "pods", ...ofNode(name)])) };
}

/** Kills a candidate, all of it at once, and leaves an address on its node as if the kernel did not let it go by itself. */
export async function leaveBehind(virtualIP: string, node: NodeLayout): Promise<void> {
  await signal("SIGSTOP", node, ["candidate.sh", "keepalived"]);
  await run("ip", ["-netns", node.namespace, "address", "replace", `${virtualIP}/32`, "dev", "eth0"]);
  await signal("SIGKILL", node, ["candidate.sh", "keepalived"]);
}

/** Its gateway pods are evicted, and come back when it takes pods again. */
export function drain(kubectl: Kubectl): Fault {
  const selection = [
    `--pod-selector=${GATEWAY_PODS}`,
    "--ignore-daemonsets",
    "--delete-emptydir-data",
    "--timeout=120s",
  ];
  return {
    name: "it is drained",
    moves: true,
    strike: async ({ name }) => void (await kubectl.run(["drain", name, ...selection])),
    heal: async ({ name }) => void (await kubectl.run(["uncordon", name])),
  };
}

/** The AAA pods of its node are stopped: they take connections and answer nothing. The address stays where it is. */
export function stopBackends(kubectl: Kubectl): Fault {
  let stopped: readonly number[] = [];
  return {
    name: "every AAA pod of one node stands still",
    moves: false,
    strike: async (holder) => {
      const pods = await kubectl.list("pods", AAA_PODS);
      const nodes = new Set(pods.map(({ spec }) => spec.nodeName as string));
      // One that leaves others to answer, and that of the holder if it has one.
      const node = nodes.has(holder.name) ? holder.name : [...nodes].sort()[0];
      stopped = await processesOf(pods.filter(({ spec }) => spec.nodeName === node));
      if (stopped.length === 0) throw new Error(`no AAA pod runs on ${node}`);
      for (const pid of stopped) send("SIGSTOP", pid);
    },
    heal: async () => {
      for (const pid of stopped) send("SIGCONT", pid);
    },
  };
}

/** Sends a signal to the processes of these names that are on the node's own network, as those of candidates are. */
async function signal(name: NodeJS.Signals, node: NodeLayout, commands: readonly string[]): Promise<void> {
  const pids = (await run("ip", ["netns", "pids", node.namespace])).trim().split("\n").map(Number);
  const found = (await Promise.all(pids.map(async (pid) => ({ pid, command: await read(pid, "comm") })))).filter(
    ({ command }) => commands.includes(command.trim()),
  );
  for (const command of commands) {
    if (!found.some((one) => one.command.trim() === command)) throw new Error(`no ${command} runs on ${node.name}`);
  }
  for (const { pid } of found) send(name, pid);
}

/** The processes of pods, by the control groups that carry their uids. */
async function processesOf(pods: readonly KubernetesObject[]): Promise<readonly number[]> {
  const pids = await processesIn(CLUSTER);
  const groups = await Promise.all(pids.map((pid) => read(pid, "cgroup")));
  return pids.filter((_, index) => pods.some(({ metadata }) => groups[index]?.includes(metadata.uid)));
}

const read = (pid: number, file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");

function send(signalName: NodeJS.Signals, pid: number): void {
  try {
    process.kill(pid, signalName);
  } catch {
    // It has ended, perhaps with another one.
  }
}
