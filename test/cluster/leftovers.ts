import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { findCommand } from "../lib/packages.ts";
import { run } from "../lib/run.ts";
import { say } from "../lib/steps.ts";
import { CLUSTER, stateDir } from "./local/layout.ts";

/**
 * Everything on this machine that the local cluster could have left behind, one line each: its processes, mounts,
 * network namespaces, devices, routes, firewall rules, control groups and its state folder. Taken before `up` and after `down`,
 * the two are equal.
 */
export async function inventory(): Promise<string[]> {
  const lists = await Promise.all([
    processes(),
    linesOf("mount", readFile("/proc/self/mounts", "utf8")),
    named("network namespace", "/run/netns"),
    named("device", "/sys/class/net"),
    linesOf("route", readFile("/proc/net/route", "utf8")),
    linesOf("firewall rule", firewallRules()),
    controlGroups(),
    linesOf(
      "state folder",
      readdir(stateDir()).then(() => stateDir()),
    ),
  ]);
  return lists.flat().sort();
}

/** Processes in our control groups, in another network namespace than this one, or with our state folder in a path. */
async function processes(): Promise<string[]> {
  const ownNetwork = await readlink("/proc/self/ns/net");
  const describe = async (pid: string): Promise<string[]> => {
    const read = (file: string): Promise<string> => readFile(join("/proc", pid, file), "utf8").catch(() => "");
    const command = (await read("cmdline")).replaceAll("\0", " ").trim();
    const network = await readlink(join("/proc", pid, "ns/net")).catch(() => ownNetwork);
    const isOurs = (await read("cgroup")).includes(CLUSTER) || network !== ownNetwork || command.includes(stateDir());
    return isOurs && command !== "" ? [`process ${pid} ${command}`] : [];
  };
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  return (await Promise.all(pids.map(describe))).flat();
}

async function controlGroups(): Promise<string[]> {
  const found = await run("find", ["/sys/fs/cgroup", "-type", "d", "-name", CLUSTER]).catch(() => "");
  return linesOf("control group", Promise.resolve(found));
}

async function firewallRules(): Promise<string> {
  if (findCommand("iptables-save") === null) return "";
  const saved = await run("iptables-save", []);
  return saved
    .split("\n")
    .filter((line) => line.startsWith("-A"))
    .join("\n");
}

async function named(what: string, folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).map((name) => `${what} ${name}`);
}

async function linesOf(what: string, text: Promise<string>): Promise<string[]> {
  const lines = (await text.catch(() => "")).split("\n");
  return lines.filter((line) => line !== "").map((line) => `${what} ${line}`);
}

if (import.meta.main) say((await inventory()).join("\n"));
