import { UserError } from "../../lib/errors.ts";
import { type Access, Kubectl, type KubernetesObject } from "../../lib/kubectl.ts";
import { withLock } from "../../lib/lock.ts";
import { step } from "../../lib/steps.ts";
import { until } from "../../lib/until.ts";
import type { Cluster, LoadableImages } from "../cluster.ts";
import { checkSources } from "../tools.ts";
import { applyAddons } from "./addons.ts";
import { readAuditLog, writeAuditPolicy } from "./audit-log.ts";
import type { BaseImage } from "./base-image.ts";
import { ensureCertificates, IDENTITIES } from "./certificates.ts";
import { removeCgroup } from "./cgroups.ts";
import { controlPlane } from "./control-plane.ts";
import { ensureDaemon, lastWords, pidOf } from "./daemons.ts";
import { importImages } from "./images.ts";
import { kubeconfigFile, writeKubeconfig } from "./kubeconfig.ts";
import { CLUSTER, NODES, type NodeLayout, statePath } from "./layout.ts";
import { ensureNetwork, removeNetwork } from "./network.ts";
import { ensureContainerd, ensureKubelet, type NodeSetup } from "./node.ts";
import { checkMachine } from "./preflight.ts";
import { buildPrograms, cniFolder, ensurePackages, installPrograms } from "./programs.ts";
import { makeState, removeState } from "./state.ts";

const START_DEADLINE_MS = 60_000;

/** A three-node Kubernetes on this machine, without Docker and without virtual machines. README.md says how. */
export function localCluster(): Cluster {
  const access = {
    kubectl: statePath("bin", "kubectl"),
    helm: statePath("bin", "helm"),
    kubeconfig: kubeconfigFile("admin"),
    auditLog: readAuditLog,
  };
  return {
    kind: "local",
    describe: "three nodes in network namespaces of this machine",
    access,
    preflight: async () => {
      await checkMachine();
      await checkSources();
    },
    up: () => withLock("cluster", () => up(access)),
    down: () => withLock("cluster", down),
    status: () => status(access),
    loadImages: (built: LoadableImages) =>
      importImages(
        built.archive,
        built.images.map(({ ref }) => ref),
      ),
  };
}

async function up(access: Access): Promise<void> {
  await ensurePackages();
  const image = await buildPrograms();
  await step("Network and certificates", async () => {
    await makeState();
    await Promise.all([ensureNetwork(), ensureCertificates(), installPrograms(), writeAuditPolicy()]);
    await Promise.all(Object.keys(IDENTITIES).map(writeKubeconfig));
  });
  await Promise.all([
    step("Control plane", () => startControlPlane(access)),
    step("Container runtime of every node", () => startContainerds(image)),
  ]);
  await step("Nodes", () => startNodes(access));
  await step("DNS and storage", () => applyAddons(access, image.ref));
}

async function startControlPlane(access: Access): Promise<void> {
  const { etcd, apiServer, managers, networkPolicies } = controlPlane();
  await ensureDaemon(etcd);
  await ensureDaemon(apiServer);
  const kubectl = new Kubectl(access, "default");
  const isReady = async (): Promise<boolean> => (await kubectl.run(["get", "--raw=/readyz"])) === "ok";
  await until("the API server is ready", isReady, { deadlineMs: START_DEADLINE_MS }).catch(async (cause: unknown) => {
    const words = await Promise.all([etcd, apiServer].map(({ name }) => lastWords(name)));
    throw new Error(`the control plane does not start; it said last:\n${words.join("\n")}`, { cause });
  });
  for (const daemon of [...managers, networkPolicies]) await ensureDaemon(daemon);
}

/** Boots a node of a running cluster whose power was off, and starts its kubelet. */
export async function bootNode(node: NodeLayout): Promise<void> {
  await ensureContainerd(node, setupWith(await buildPrograms()));
  await ensureKubelet(node);
}

const setupWith = ({ ref }: BaseImage): NodeSetup => ({ pauseImage: ref, cniPrograms: cniFolder() });

async function startContainerds(image: BaseImage): Promise<void> {
  await Promise.all(NODES.map((node) => ensureContainerd(node, setupWith(image))));
  await importImages(image.archive, [image.ref]);
}

async function startNodes(access: Access): Promise<void> {
  await Promise.all(NODES.map(ensureKubelet));
  const kubectl = new Kubectl(access, "default");
  const areReady = async (): Promise<boolean> => (await kubectl.list("nodes")).filter(isReady).length === NODES.length;
  await until("every node is ready", areReady, { deadlineMs: START_DEADLINE_MS }).catch(async (cause: unknown) => {
    const words = await Promise.all(NODES.map(({ name }) => lastWords(`${name}/kubelet`)));
    throw new Error(`the nodes do not get ready; their kubelets said last:\n${words.join("\n")}`, { cause });
  });
}

function isReady({ status }: KubernetesObject): boolean {
  const conditions: { type: string; status: string }[] = status.conditions ?? [];
  return conditions.some((condition) => condition.type === "Ready" && condition.status === "True");
}

async function down(): Promise<void> {
  if (process.getuid?.() !== 0) throw new UserError("the local cluster belongs to root", "run this again with sudo");
  await step("Take the cluster down", async () => {
    await removeCgroup(CLUSTER);
    await removeNetwork();
    await removeState();
  });
}

async function status(access: Access): Promise<string> {
  if ((await pidOf("control-plane/api-server")) === null) return "The cluster does not run.";
  return new Kubectl(access, "default").run(["get", "nodes,pods", "--all-namespaces", "--output=wide"]);
}
