import { existsSync } from "node:fs";
import { readdir, readFile, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheRoot } from "../../lib/cache.ts";
import { UserError } from "../../lib/errors.ts";
import { mountedControllers, processesIn } from "./cgroups.ts";
import {
  BRIDGE,
  CLUSTER,
  HOST_ADDRESS,
  NODE_RANGE,
  NODES,
  POD_RANGE,
  PORTS,
  SERVICE_RANGE,
  stateDir,
} from "./layout.ts";
import { type Listener, listenersOf, overlaps, type Route, routesOf } from "./proc-net.ts";
import { stateOwner } from "./state.ts";

const NEEDED_BYTES = 10e9;
const NEEDED_CONTROLLERS = ["cpu", "memory", "pids"];

/** What is known of this machine before anything is changed. */
export interface Machine {
  readonly platform: string;
  readonly isRoot: boolean;
  /** Of control groups: those that are mounted and can be written. */
  readonly controllers: readonly string[];
  /** Network devices with their alias, which is CLUSTER on ours. */
  readonly devices: Readonly<Record<string, string>>;
  readonly routes: readonly Route[];
  readonly listeners: readonly Listener[];
  /** Bytes free where the state and the cache are or will be. */
  readonly freeBytes: Readonly<Record<string, number>>;
  readonly state: "none" | "ours" | "foreign";
  /** Whether a cluster of ours already runs, which then uses the ports and the disk. */
  readonly isRunning: boolean;
}

interface Problem {
  readonly message: string;
  readonly remedy: string;
}

const CHECKS: readonly ((machine: Machine) => Problem | null)[] = [
  needsLinux,
  needsRoot,
  needsControllers,
  needsStateDir,
  needsDevices,
  needsRanges,
  needsPorts,
  needsDisk,
];

/** Rejects with UserError when the cluster cannot run on this machine. Changes nothing. */
export async function checkMachine(): Promise<void> {
  const problem = problemOf(await lookAtMachine());
  if (problem !== null) throw new UserError(problem.message, problem.remedy);
}

/** Pure: the first thing that keeps the cluster from running, or null. */
export function problemOf(machine: Machine): Problem | null {
  for (const check of CHECKS) {
    const problem = check(machine);
    if (problem !== null) return problem;
  }
  return null;
}

function needsLinux({ platform }: Machine): Problem | null {
  if (platform === "linux") return null;
  return { message: "the local cluster needs Linux", remedy: "install Docker and kind, which are used where they are" };
}

function needsRoot({ isRoot }: Machine): Problem | null {
  if (isRoot) return null;
  return {
    message: "the local cluster needs root, and no Docker engine with kind was found",
    remedy: "run this again with sudo, or install kind and start Docker",
  };
}

function needsControllers({ controllers }: Machine): Problem | null {
  const missing = NEEDED_CONTROLLERS.filter((name) => !controllers.includes(name));
  if (missing.length === 0) return null;
  return {
    message: `no control groups to use: ${missing.join(", ")} not mounted writable below /sys/fs/cgroup`,
    remedy: "mount them (inside a container: run it privileged), or use a machine that has them",
  };
}

function needsDevices({ devices, state }: Machine): Problem | null {
  // An `up` that was interrupted may have left a device without its alias.
  if (state === "ours") return null;
  const ours = [BRIDGE, ...NODES.map(({ cable }) => cable)];
  const taken = ours.find((name) => devices[name] !== undefined && devices[name] !== CLUSTER);
  if (taken === undefined) return null;
  return {
    message: `a network device named ${taken} exists that is not ours`,
    remedy: `rename it, or remove it with 'ip link delete ${taken}' if an old test left it`,
  };
}

function needsRanges({ routes }: Machine): Problem | null {
  for (const range of [NODE_RANGE, POD_RANGE, SERVICE_RANGE]) {
    const taken = routes.find(({ device, range: other }) => device !== BRIDGE && overlaps(other, range));
    if (taken !== undefined) {
      return {
        message: `the cluster needs ${range}, and this machine already has ${taken.range} on ${taken.device}`,
        remedy: `disconnect ${taken.device} (a VPN, another bridge) while the cluster runs`,
      };
    }
  }
  return null;
}

function needsPorts({ listeners, isRunning }: Machine): Problem | null {
  const ports: readonly number[] = Object.values(PORTS);
  const taken = listeners.find(
    ({ address, port }) => ports.includes(port) && (address === "0.0.0.0" || address === HOST_ADDRESS),
  );
  if (isRunning || taken === undefined) return null;
  return {
    message: `port ${taken.port} is in use on ${taken.address === HOST_ADDRESS ? HOST_ADDRESS : "every address"}`,
    remedy: `end what listens there ('ss -ltnp sport = :${taken.port}' names it)`,
  };
}

function needsDisk({ freeBytes, isRunning }: Machine): Problem | null {
  const full = Object.entries(freeBytes).find(([, free]) => free < NEEDED_BYTES);
  if (isRunning || full === undefined) return null;
  const [path, free] = full;
  return {
    message: `${path} has ${(free / 1e9).toFixed(1)} GB free, the cluster needs ${NEEDED_BYTES / 1e9} GB`,
    remedy: "make room, or choose another place with AAA_STATE (volumes, images) and AAA_CACHE (builds)",
  };
}

function needsStateDir({ state, isRunning }: Machine): Problem | null {
  if (isRunning && state !== "ours") {
    return {
      message: `a cluster runs on this machine, and its state is not in ${stateDir()}`,
      remedy: "set AAA_STATE as it was when that cluster was started, or take it down first",
    };
  }
  if (state !== "foreign") return null;
  return {
    message: `${stateDir()} is not empty and not ours`,
    remedy: "set AAA_STATE to a folder that does not exist yet",
  };
}

async function lookAtMachine(): Promise<Machine> {
  const read = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
  const places = [stateDir(), cacheRoot()];
  return {
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
    controllers: await mountedControllers(),
    devices: await devices(),
    routes: routesOf(await read("/proc/net/route")),
    listeners: [...listenersOf(await read("/proc/net/tcp")), ...listenersOf(await read("/proc/net/tcp6"))],
    freeBytes: Object.fromEntries(await Promise.all(places.map(async (path) => [path, await freeBytesAt(path)]))),
    state: await stateOwner(),
    isRunning: (await processesIn(CLUSTER)).length > 0,
  };
}

async function devices(): Promise<Record<string, string>> {
  const folder = "/sys/class/net";
  const names = await readdir(folder).catch(() => []);
  const alias = (name: string): Promise<string> => readFile(join(folder, name, "ifalias"), "utf8").catch(() => "");
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, (await alias(name)).trim()])));
}

async function freeBytesAt(path: string): Promise<number> {
  if (!existsSync(path)) return freeBytesAt(dirname(path));
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
