import { existsSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { run, succeeds } from "../../lib/run.ts";
import { until } from "../../lib/until.ts";
import { removeCgroup } from "./cgroups.ts";
import { cgroupOf, type Daemon, ensureDaemon, pidOf } from "./daemons.ts";
import { kubeconfigFile } from "./kubeconfig.ts";
import { type NodeLayout, stateDir, statePath } from "./layout.ts";
import { namespaceFile } from "./network.ts";
import { cniConfig, containerdConfig, kubeletConfig, kubeProxyConfig } from "./node-config.ts";

/** What a node needs from the machine it runs on. */
export interface NodeSetup {
  readonly pauseImage: string;
  /** The folder of the CNI plugins. */
  readonly cniPrograms: string;
}

// A node is a process that holds a network namespace, its own view of /run, /var/lib and /var/log, and a host name.
// Whatever runs on the node joins those; when all of it has ended, the kernel unmounts everything by itself.
const BOOT = `
mount --make-rshared /
mount --bind "$1/log" /var/log
mount --bind "$1/run" /run
cd "$2"
mount --bind "$1/lib" /var/lib
mkdir -p "$2"
mount --no-canonicalize --bind . "$2"
hostname "$3"
echo 1 > /proc/sys/net/ipv4/ip_forward
touch /run/booted
exec sleep infinity
`;

/** The path of a file of a node, as seen from outside of it. `run` is emptied at every boot, as on any machine. */
export function nodePath(node: NodeLayout, ...parts: readonly string[]): string {
  return statePath("nodes", node.name, ...parts);
}

export function containerdSocket(node: NodeLayout): string {
  return nodePath(node, "run", "containerd", "containerd.sock");
}

/** Boots a node unless it is up, and starts its containerd. */
export async function ensureContainerd(node: NodeLayout, setup: NodeSetup): Promise<void> {
  const machine = await ensureMachine(node);
  await writeConfig(node, setup);
  await ensureDaemon(onNode(node, machine, "containerd", ["containerd", "--config", etcPath(node, "containerd.toml")]));
  const answers = (): Promise<boolean> => succeeds("ctr", ["--address", containerdSocket(node), "version"]);
  await until(`containerd of ${node.name} answers`, answers, { deadlineMs: 20_000 });
}

/** Starts the kubelet and kube-proxy of a node whose containerd runs. */
export async function ensureKubelet(node: NodeLayout): Promise<void> {
  const machine = await ensureMachine(node);
  const kubelet = [
    statePath("bin", "kubelet"),
    `--config=${etcPath(node, "kubelet.json")}`,
    `--kubeconfig=${kubeconfigFile(node.name)}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
  ];
  await ensureDaemon(onNode(node, machine, "kubelet", kubelet));
  const kubeProxy = [statePath("bin", "kube-proxy"), `--config=${etcPath(node, "kube-proxy.json")}`];
  await ensureDaemon(onNode(node, machine, "kube-proxy", kubeProxy));
}

/** Boots the node unless it is up. Returns the id of the process that holds its namespaces. */
async function ensureMachine(node: NodeLayout): Promise<number> {
  const name = `${node.name}/machine`;
  const running = await pidOf(name);
  if (running !== null && (await isInNamespace(running, node))) return running;
  await powerOff(node);
  for (const folder of ["lib", "log", "run", "etc/cni"]) await mkdir(nodePath(node, folder), { recursive: true });
  const boot = ["sh", "-eu", "-c", BOOT, "boot", nodePath(node), stateDir(), node.name];
  const namespaces = ["nsenter", `--net=${namespaceFile(node)}`, "unshare", "--mount", "--uts"];
  await ensureDaemon({ name, command: [...namespaces, ...boot] });
  await until(`${node.name} has booted`, () => existsSync(nodePath(node, "run", "booted")), {
    deadlineMs: 10_000,
    intervalMs: 50,
  });
  return (await pidOf(name)) as number;
}

/** Ends everything that runs on a node at once, as a power cut does. Its disk is kept, its /run is not. */
export async function powerOff(node: NodeLayout): Promise<void> {
  await removeCgroup(cgroupOf(node.name));
  await run("rm", ["--recursive", "--force", "--one-file-system", nodePath(node, "run")]);
}

async function isInNamespace(pid: number, node: NodeLayout): Promise<boolean> {
  return (await stat(`/proc/${pid}/ns/net`)).ino === (await stat(namespaceFile(node))).ino;
}

function onNode(node: NodeLayout, machine: number, name: string, command: readonly string[]): Daemon {
  const join = ["nsenter", `--target=${machine}`, "--net", "--mount", "--uts"];
  return { name: `${node.name}/${name}`, command: [...join, ...command] };
}

function etcPath(node: NodeLayout, name: string): string {
  return nodePath(node, "etc", name);
}

async function writeConfig(node: NodeLayout, { pauseImage, cniPrograms }: NodeSetup): Promise<void> {
  const network = etcPath(node, "cni/pods.conflist");
  const files: Record<string, string> = {
    [etcPath(node, "containerd.toml")]: containerdConfig(pauseImage, cniPrograms, dirname(network)),
    [etcPath(node, "kubelet.json")]: JSON.stringify(kubeletConfig(node, etcPath(node, "resolv.conf"))),
    [etcPath(node, "kube-proxy.json")]: JSON.stringify(kubeProxyConfig(node)),
    // Pods that use the node's resolver find nothing: a node has no way out of this machine.
    [etcPath(node, "resolv.conf")]: "",
    [network]: JSON.stringify(cniConfig(node)),
  };
  for (const [path, text] of Object.entries(files)) await writeChanged(path, text);
}

/** kube-proxy exits when its configuration is written, even with the same text. */
async function writeChanged(path: string, text: string): Promise<void> {
  if ((await readFile(path, "utf8").catch(() => null)) !== text) await writeFile(path, text);
}
