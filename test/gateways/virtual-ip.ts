import { readFile } from "node:fs/promises";
import type { NodeLayout } from "../cluster/local/layout.ts";
import { NODES } from "../cluster/local/layout.ts";
import type { Kubectl } from "../lib/kubectl.ts";
import { run, succeeds } from "../lib/run.ts";
import { until } from "../lib/until.ts";

/** A virtual IP on the three nodes of the local Kubernetes: who has it there, and ways to take it from them. */

/** A free address of the nodes' network. */
export const VIRTUAL_IP = "10.99.0.200";

/** The nodes that have the virtual IP, as their kernels say. */
export async function holders(): Promise<readonly string[]> {
  const found = await Promise.all(
    NODES.map(async ({ name, namespace }) => {
      const addresses = await run("ip", ["-netns", namespace, "-4", "-brief", "address", "show", "dev", "eth0"]);
      return addresses.includes(`${VIRTUAL_IP}/`) ? [name] : [];
    }),
  );
  return found.flat();
}

/** The nodes of the candidates of the AAA gateway, the preferred one first. */
export async function candidateNodes(kubectl: Kubectl): Promise<readonly NodeLayout[]> {
  const pods = await kubectl.list("pods", "app.kubernetes.io/component=aaa-gateway");
  const byName = pods.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return byName.map(({ spec }) => {
    const node = NODES.find(({ name }) => name === spec.nodeName);
    if (node === undefined) throw new Error(`no node ${spec.nodeName}`);
    return node;
  });
}

/** Waits until this node has the virtual IP, and no other. */
export function heldBy({ name }: NodeLayout, deadlineMs = 60_000): Promise<unknown> {
  const isHeld = async (): Promise<boolean> => {
    const found = (await holders()).join();
    if (found !== name) throw new Error(`held by ${found}`);
    return true;
  };
  return until(`${VIRTUAL_IP} is held by ${name} alone`, isHeld, { deadlineMs, intervalMs: 200 });
}

/** Something that takes the virtual IP from its holder. */
export interface Fault {
  /** Resolves as soon as it is done. */
  strike(holder: NodeLayout): Promise<void>;
  heal(holder: NodeLayout): Promise<void>;
}

const nothing = async (): Promise<void> => {};

export const cutCable: Fault = {
  strike: async ({ cable }) => void (await run("ip", ["link", "set", cable, "down"])),
  heal: async ({ cable }) => void (await run("ip", ["link", "set", cable, "up"])),
};
export const killHaproxy: Fault = { strike: (node) => killOn(node, "haproxy"), heal: nothing };
export const killKeepalived: Fault = { strike: (node) => killOn(node, "keepalived"), heal: nothing };

/** Kills the processes of this name that are on the node's own network, as those of candidates are; containers restart. */
async function killOn({ name, namespace }: NodeLayout, command: string): Promise<void> {
  const pids = (await run("ip", ["netns", "pids", namespace])).trim().split("\n").map(Number);
  const named = await Promise.all(
    pids.map(async (pid) => {
      const comm = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
      return comm.trim() === command ? [pid] : [];
    }),
  );
  const found = named.flat();
  if (found.length === 0) throw new Error(`no ${command} on the network of ${name}`);
  // Those that go with another one are not there any more.
  await succeeds("kill", ["-KILL", ...found.map(String)]);
}
