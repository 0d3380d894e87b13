import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildImages, chooseEngine } from "../../images/build.ts";
import type { ImageName } from "../../images/recipes.ts";
import { UserError } from "../lib/errors.ts";
import { until } from "../lib/until.ts";
import { USER } from "./folders.ts";
import { imageRoot } from "./image-root.ts";

const KEPT_LOG_CHARACTERS = 100_000;
const SHOWN_LOG_CHARACTERS = 3000;
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;

export interface ContainerOptions {
  readonly image: ImageName;
  /** Appended to the image's entry point; `command` replaces both. */
  readonly args?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Path on this machine -> path in the container. */
  readonly mounts?: Readonly<Record<string, string>>;
}

/** One image running on this machine's network, restricted as its pod is. It ends with the process that started it. */
export interface Container extends AsyncDisposable {
  /** Of the process on this machine whose descendants it is; of the client when a Docker engine runs it. */
  readonly pid: number;
  /** What it has written, newest part. */
  log(): string;
  /** Its exit code, or null when it ended by a signal. */
  readonly exited: Promise<number | null>;
  isRunning(): boolean;
  /** Polls until `probe` resolves; rejects with the log when the container ends first. */
  until(what: string, probe: () => Promise<unknown>): Promise<void>;
  /** Sends a signal to the image's process. */
  signal(name: NodeJS.Signals): Promise<void>;
  /** Ends it as the image asks to be ended, and after 30 seconds in any case. */
  stop(): Promise<void>;
}

/** Starts an image; rejects with UserError on a machine that can run none. */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  if (process.platform === "linux" && process.getuid?.() === 0) return startWithNamespaces(options);
  if (chooseEngine() === "docker") return startWithDocker(options);
  throw new UserError(
    "real RabbitMQ and PostgreSQL need root on Linux, or a Docker engine; here is neither",
    "run as root, or start Docker (`docker info` must work)",
  );
}

async function startWithNamespaces(options: ContainerOptions): Promise<Container> {
  const image = await imageRoot(options.image);
  const mounts = Object.entries(options.mounts ?? {}).map(([from, to]) => `${from}:${to}`);
  const command = options.command ?? [...image.command, ...(options.args ?? [])];
  const namespaces = ["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"];
  const script = join(import.meta.dirname, "container.sh");
  const child = spawn("setpriv", [...namespaces, script, image.root, ...mounts, "--", ...command], {
    env: { ...image.environment, ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // The signal is for the first process of the namespace, which is unshare's only child.
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").catch(() => "");
    const pid = Number(children.trim());
    if (pid > 0) process.kill(pid, name);
  };
  return containerOf(options.image, child, signal, image.stopSignal);
}

async function startWithDocker(options: ContainerOptions): Promise<Container> {
  const { images } = await buildImages({ engine: "docker", only: [options.image] });
  const name = `aaa-${options.image}-${process.pid}-${Date.now()}`;
  const restrictions = ["--user", `${USER}:${USER}`, "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"];
  const environment = Object.entries(options.environment ?? {}).flatMap(([key, value]) => ["-e", `${key}=${value}`]);
  const mounts = Object.entries(options.mounts ?? {}).flatMap(([from, to]) => ["-v", `${from}:${to}`]);
  const [entrypoint, ...rest] = options.command ?? [];
  const child = spawn(
    "docker",
    [
      ...["run", "--rm", "--name", name, "--network", "host", ...restrictions, ...environment, ...mounts],
      ...(entrypoint === undefined ? [] : ["--entrypoint", entrypoint]),
      ...images.map(({ ref }) => ref),
      ...(entrypoint === undefined ? (options.args ?? []) : rest),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const signal = async (signalName: NodeJS.Signals): Promise<void> => {
    await once(spawn("docker", ["kill", "--signal", signalName, name], { stdio: "ignore" }), "exit");
  };
  return containerOf(options.image, child, signal, "SIGTERM");
}

function containerOf(
  name: ImageName,
  child: ChildProcess,
  signal: (name: NodeJS.Signals) => Promise<void>,
  stopSignal: NodeJS.Signals,
): Container {
  let log = "";
  const keep = (chunk: Buffer): void => {
    log = (log + chunk.toString()).slice(-KEPT_LOG_CHARACTERS);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("close", resolve);
    child.once("error", reject);
  });
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const stop = async (): Promise<void> => {
    if (!isRunning()) return;
    await signal(stopSignal);
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(force);
  };
  const untilReady = async (what: string, probe: () => Promise<unknown>): Promise<void> => {
    const probed = async (): Promise<boolean> => {
      if (isRunning()) await probe();
      return true;
    };
    await until(`${name} ${what}`, probed, { deadlineMs: READY_TIMEOUT_MS, intervalMs: 50 });
    if (!isRunning()) throw new Error(`${name} ended at once:\n${log.slice(-SHOWN_LOG_CHARACTERS)}`);
  };
  const pid = child.pid ?? 0;
  return { pid, log: () => log, exited, isRunning, until: untilReady, signal, stop, [Symbol.asyncDispose]: stop };
}
