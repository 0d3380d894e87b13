import { existsSync } from "node:fs";
import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { findCommand } from "../../lib/packages.ts";
import { run, succeeds } from "../../lib/run.ts";
import { BRIDGE, CLUSTER, HOST_ADDRESS, NODE_RANGE, NODES, type NodeLayout, SERVICE_RANGE } from "./layout.ts";

const NAMESPACES = "/run/netns";
const FIREWALL_RULE = ["-i", BRIDGE, "-m", "comment", "--comment", CLUSTER, "-j", "ACCEPT"];

/** The file that holds a node's network namespace. */
export function namespaceFile(node: NodeLayout): string {
  return join(NAMESPACES, node.namespace);
}

/** Makes what is missing of the bridge, the nodes' network namespaces, their cables and the routes. */
export async function ensureNetwork(): Promise<void> {
  await ensureLink(BRIDGE, ["type", "bridge"]);
  await ip("address", "replace", `${HOST_ADDRESS}/${NODE_RANGE.split("/")[1]}`, "dev", BRIDGE);
  for (const node of NODES) await ensureNodeNetwork(node);
  for (const { podRange, address } of NODES) await ip("route", "replace", podRange, "via", address);
  await ip("route", "replace", SERVICE_RANGE, "via", (NODES[0] as NodeLayout).address);
  await openFirewall();
}

async function ensureNodeNetwork(node: NodeLayout): Promise<void> {
  if (!existsSync(namespaceFile(node))) {
    // A cable that is left leads into a namespace that has lost its name.
    await removeLink(node.cable);
    await ip("netns", "add", node.namespace);
  }
  await ensureLink(node.cable, ["type", "veth", "peer", "name", "eth0", "netns", node.namespace]);
  await ip("link", "set", node.cable, "master", BRIDGE);
  const inside = (...args: readonly string[]): Promise<string> => ip("-netns", node.namespace, ...args);
  await inside("link", "set", "lo", "up");
  await inside("address", "replace", `${node.address}/${NODE_RANGE.split("/")[1]}`, "dev", "eth0");
  await inside("link", "set", "eth0", "up");
  await inside("route", "replace", "default", "via", HOST_ADDRESS);
  for (const other of NODES.filter(({ name }) => name !== node.name)) {
    await inside("route", "replace", other.podRange, "via", other.address);
  }
}

async function ensureLink(name: string, kind: readonly string[]): Promise<void> {
  if (!linkExists(name)) await ip("link", "add", name, ...kind);
  await ip("link", "set", name, "alias", CLUSTER, "up");
}

async function removeLink(name: string): Promise<void> {
  if (linkExists(name)) await ip("link", "delete", name);
}

function linkExists(name: string): boolean {
  return existsSync(join("/sys/class/net", name));
}

/** Lets the nodes through a firewall on this machine, if there is one. */
async function openFirewall(): Promise<void> {
  for (const chain of ["INPUT", "FORWARD"]) {
    const rules = await run("iptables", ["-S", chain]);
    if (rules.trim() !== `-P ${chain} ACCEPT` && !rules.includes(CLUSTER)) {
      await run("iptables", ["-I", chain, ...FIREWALL_RULE]);
    }
  }
}

/** Removes all of it, also when only some of it was made. */
export async function removeNetwork(): Promise<void> {
  for (const node of NODES) {
    await removeLink(node.cable);
    if (existsSync(namespaceFile(node))) await ip("netns", "delete", node.namespace);
  }
  await removeNamespaceFolder();
  await removeLink(BRIDGE);
  if (findCommand("iptables") === null) return;
  for (const chain of ["INPUT", "FORWARD"]) {
    if (await succeeds("iptables", ["-C", chain, ...FIREWALL_RULE]))
      await run("iptables", ["-D", chain, ...FIREWALL_RULE]);
  }
}

/** `ip netns add` makes this folder and mounts it onto itself; without namespaces it is of no use to anyone. */
async function removeNamespaceFolder(): Promise<void> {
  const names = await readdir(NAMESPACES).catch(() => null);
  if (names === null || names.length > 0) return;
  await succeeds("umount", [NAMESPACES]);
  await rmdir(NAMESPACES);
}

function ip(...args: readonly string[]): Promise<string> {
  return run("ip", args);
}
