import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { goBuild } from "../cluster/go.ts";
import { BRIDGE, CLUSTER } from "../cluster/local/layout.ts";
import { cached, hashOf, hashOfFiles } from "../lib/cache.ts";
import { endingWithParent, run } from "../lib/run.ts";
import { step } from "../lib/steps.ts";
import { until } from "../lib/until.ts";
import { heldTwiceMs, type Sighting } from "./holders-on-the-wire.ts";

const SOURCE = join(import.meta.dirname, "arp");
const DEADLINE_MS = 10_000;

/**
 * A process with a network of its own, plugged into the bridge of the local Kubernetes, where it is `eth0`. Both ends of its
 * cable go when it ends.
 * @param cable the name of the end at the bridge
 */
async function pluggedIn(cable: string, ...command: readonly [string, ...string[]]): Promise<ChildProcess> {
  const [program, ...args] = endingWithParent("unshare", "--net", ...command);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child, "spawn");
  const network = (pid: number | "self" = "self"): Promise<string> => readlink(`/proc/${pid}/ns/net`);
  const pid = child.pid ?? 0;
  await until("a process has a network of its own", async () => (await network(pid)) !== (await network()), {
    deadlineMs: DEADLINE_MS,
    intervalMs: 10,
  });
  await run("ip", ["link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", String(pid)]);
  await run("ip", ["link", "set", cable, "alias", CLUSTER, "master", BRIDGE, "up"]);
  await run("nsenter", [`--net=/proc/${pid}/ns/net`, "ip", "link", "set", "eth0", "up"]);
  return child;
}

/** A machine on the bridge that has an address and is none of the cluster. It goes when it is disposed of. */
export async function stranger(address: string): Promise<AsyncDisposable> {
  const child = await pluggedIn("aaa-stranger", "sleep", "infinity");
  await run("nsenter", [`--net=/proc/${child.pid}/ns/net`, "ip", "address", "add", `${address}/24`, "dev", "eth0"]);
  return { [Symbol.asyncDispose]: () => ended(child) };
}

/** Ends a process, and returns when it is gone. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** Asks the bridge all the time who has an address, and keeps who answers. */
export class ArpWatch implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #sightings: Sighting[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error("no output");
    createInterface(child.stdout).on("line", (line) => {
      const [at = "", mac = ""] = line.split(" ");
      this.#sightings.push({ at: Number(at), mac });
    });
  }

  /** Begins to watch; somebody holds the address. */
  static async start(address: string): Promise<ArpWatch> {
    const watch = new ArpWatch(await pluggedIn("aaa-watch", await program(), "eth0", address));
    await until(`somebody answers for ${address}`, () => watch.#sightings.length > 0, { deadlineMs: DEADLINE_MS });
    return watch;
  }

  /** For how many milliseconds since a moment (of `performance.now()`) two answered for the address. */
  heldTwiceMs(since: number): number {
    const from = performance.timeOrigin + since;
    return heldTwiceMs(this.#sightings.filter(({ at }) => at >= from));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ended(this.#child);
  }
}

/** The program that asks, built from its Go module the first time. */
async function program(): Promise<string> {
  const key = hashOf(await hashOfFiles(SOURCE), process.arch);
  const folder = await cached("gateways-arp", key, (dir) =>
    step("Build the program that asks by ARP", () =>
      goBuild(SOURCE, ["-trimpath", "-ldflags=-s -w", "-o", join(dir, "arp"), "."]),
    ),
  );
  return join(folder, "arp");
}
