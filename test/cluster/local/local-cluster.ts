import { existsSync } from "node:fs";
import { copyFile, link, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Kubectl } from "../../lib/kubectl.ts";
import { withLock } from "../../lib/lock.ts";
import { ensureInstalled } from "../../lib/packages.ts";
import { run } from "../../lib/run.ts";
import { step } from "../../lib/steps.ts";
import { until } from "../../lib/until.ts";
import type { Cluster, LoadableImages } from "../cluster.ts";
import { builtTool, type ToolName } from "../go.ts";
import { type BaseImage, baseImage } from "./base-image.ts";
import { ensureCertificates, IDENTITIES } from "./certificates.ts";
import { removeCgroup } from "./cgroups.ts";
import { controlPlane } from "./control-plane.ts";
import { type Daemon, ensureDaemon, lastWords, pidOf } from "./daemons.ts";
import { importImages } from "./images.ts";
import { kubeconfigFile, writeKubeconfig } from "./kubeconfig.ts";
import { API_URL, CLUSTER, DNS_ADDRESS, NODES, stateDir, statePath } from "./layout.ts";
import { ensureNetwork, removeNetwork } from "./network.ts";
import { ensureContainerd, ensureKubelet } from "./node.ts";

const MANIFESTS = join(import.meta.dirname, "..", "manifests");
/** Debian's folder of the CNI plugins, then the one everybody else uses. */
const CNI_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin"];
const ADDONS = [
  { manifest: "coredns.yaml", namespace: "kube-system", deployment: "coredns" },
  { manifest: "local-path.yaml", namespace: "local-path-storage", deployment: "local-path-provisioner" },
];
const HOST_TOOLS: readonly ToolName[] = ["etcd", "helm", "kubernetes"];

const access = {
  get kubectl(): string {
    return statePath("bin", "kubectl");
  },
  get helm(): string {
    return statePath("bin", "helm");
  },
  get kubeconfig(): string {
    return kubeconfigFile("admin");
  },
};

/** A three-node Kubernetes on this machine: no Docker, no virtual machine. See README.md beside `main.ts`. */
export const localCluster: Cluster = {
  kind: "local",
  describe: "three nodes in network namespaces of this machine",
  access,
  preflight: async () => {},
  up: () => withLock("cluster", up),
  down: () => withLock("cluster", down),
  status,
  loadImages: ({ archive, images }: LoadableImages) =>
    importImages(
      archive,
      images.map(({ ref }) => ref),
    ),
};

async function up(): Promise<void> {
  await ensurePackages();
  const image = await buildEverything();
  await step("Network, certificates, programs", async () => {
    await mkdir(stateDir(), { recursive: true });
    await Promise.all([ensureNetwork(), ensureCertificates(), installPrograms()]);
    await Promise.all(Object.keys(IDENTITIES).map(writeKubeconfig));
  });
  await Promise.all([
    step("Control plane", startControlPlane),
    step("Containerd on every node", () => startContainerds(image)),
  ]);
  await step("Nodes", startNodes);
  await step("DNS and storage", () => applyAddons(image));
}

async function ensurePackages(): Promise<void> {
  await ensureInstalled({
    containerd: "containerd",
    runc: "runc",
    iptables: "iptables",
    nft: "nftables",
    conntrack: "conntrack",
    openssl: "openssl",
    ip: "iproute2",
    flock: "util-linux",
    nsenter: "util-linux",
    [join(cniPrograms(), "bridge")]: "containernetworking-plugins",
  });
}

/** The folder that holds the CNI plugins; Debian's when they are not installed. */
function cniPrograms(): string {
  return CNI_FOLDERS.find((folder) => existsSync(join(folder, "bridge"))) ?? (CNI_FOLDERS[0] as string);
}

async function buildEverything(): Promise<BaseImage> {
  for (const tool of HOST_TOOLS) await builtTool(tool);
  const node = await builtTool("node");
  const programs = [
    join(node, "pause"),
    join(node, "local-volume"),
    join(await builtTool("coredns"), "coredns"),
    join(await builtTool("local-path"), "local-path-provisioner"),
  ];
  return baseImage(programs);
}

/** Puts the built programs into the state folder, where every node sees them. */
async function installPrograms(): Promise<void> {
  await mkdir(statePath("bin"), { recursive: true });
  for (const tool of HOST_TOOLS) {
    const dir = await builtTool(tool);
    for (const name of await readdir(dir)) await install(join(dir, name), statePath("bin", name));
  }
}

async function install(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to));
}

async function startControlPlane(): Promise<void> {
  const { etcd, apiServer, managers } = controlPlane();
  await ensureDaemon(etcd);
  await ensureDaemon(apiServer);
  const kubectl = new Kubectl(access, "default");
  await untilServing(apiServer, `the API server answers on ${API_URL}`, async () => {
    await kubectl.run(["get", "--raw=/readyz"]);
    return true;
  });
  for (const manager of managers) await ensureDaemon(manager);
}

async function startContainerds(image: BaseImage): Promise<void> {
  await Promise.all(NODES.map((node) => ensureContainerd(node, { pauseImage: image.ref, cniPrograms: cniPrograms() })));
  await importImages(image.archive, [image.ref]);
}

async function startNodes(): Promise<void> {
  await Promise.all(NODES.map(ensureKubelet));
  const kubectl = new Kubectl(access, "default");
  await until(
    "every node is ready",
    async () => (await kubectl.list("nodes")).filter(isReady).length === NODES.length,
    {
      deadlineMs: 60_000,
    },
  );
}

// biome-ignore lint/suspicious/noExplicitAny: as read from the API
function isReady(node: any): boolean {
  // biome-ignore lint/suspicious/noExplicitAny: as read from the API
  return node.status.conditions?.some((condition: any) => condition.type === "Ready" && condition.status === "True");
}

async function applyAddons(image: BaseImage): Promise<void> {
  await Promise.all(
    ADDONS.map(async ({ manifest, namespace, deployment }) => {
      const template = await readFile(join(MANIFESTS, manifest), "utf8");
      const kubectl = new Kubectl(access, namespace);
      await kubectl.apply(template.replaceAll("__IMAGE__", image.ref).replaceAll("__DNS_ADDRESS__", DNS_ADDRESS));
      await kubectl.run(["rollout", "status", `deployment/${deployment}`, "--timeout=90s"]);
    }),
  );
}

/** Waits for a daemon to serve; when it has ended instead, says at once what it said last. */
async function untilServing({ name }: Daemon, what: string, probe: () => Promise<boolean>): Promise<void> {
  await until(what, probe, { deadlineMs: 60_000 }).catch(async (error: unknown) => {
    throw new Error(`${name} does not serve; its last words:\n${await lastWords(name)}`, { cause: error });
  });
}

async function down(): Promise<void> {
  await step("Take the cluster down", async () => {
    await removeCgroup(CLUSTER);
    await removeNetwork();
    await run("rm", ["--recursive", "--force", "--one-file-system", stateDir()]);
  });
}

async function status(): Promise<string> {
  if ((await pidOf("control-plane/api-server")) === null) return "The cluster does not run.";
  return new Kubectl(access, "default").run(["get", "nodes,pods", "--all-namespaces", "--output=wide"]);
}
