import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheRoot } from "../lib/cache.ts";
import { dockerAnswers } from "../lib/docker.ts";
import { UserError } from "../lib/errors.ts";
import { type Access, Kubectl } from "../lib/kubectl.ts";
import { withLock } from "../lib/lock.ts";
import { findCommand } from "../lib/packages.ts";
import { run, succeeds } from "../lib/run.ts";
import { step } from "../lib/steps.ts";
import { auditFlags, auditPolicy } from "./audit.ts";
import type { Cluster, LoadableImages } from "./cluster.ts";

const NAME = "aaa-cluster";
const WORKERS = 3;
const AUDIT_POLICY = "/etc/kubernetes/audit/policy.json";
const AUDIT_LOG = "/var/log/kubernetes/audit.log";

/** A three-node Kubernetes in Docker containers, made by kind. */
export function kindCluster(): Cluster {
  const access = {
    kubectl: findCommand("kubectl") ?? "kubectl",
    helm: findCommand("helm") ?? "helm",
    kubeconfig: join(cacheRoot(), "kind", "kubeconfig"),
    auditLog: () =>
      run("docker", ["exec", `${NAME}-control-plane`, "sh", "-c", `cat ${dirname(AUDIT_LOG)}/audit*.log`]),
  };
  return {
    kind: "kind",
    describe: "kind, three workers in Docker containers",
    access,
    preflight,
    up: () => withLock("cluster", () => up(access)),
    down: () => withLock("cluster", down),
    status: () => status(access),
    loadImages,
  };
}

/**
 * Pure: kind's configuration. Its API server is a static pod, and sees of its node what `extraVolumes` names.
 * Written from the documentation of kind and kubeadm: not yet run on a machine with Docker.
 */
function configOf(auditPolicyFile: string): object {
  const volume = (name: string, path: string, readOnly: boolean): object => ({
    name,
    hostPath: path,
    mountPath: path,
    readOnly,
    pathType: "DirectoryOrCreate",
  });
  const apiServer = {
    extraArgs: auditFlags(AUDIT_POLICY, AUDIT_LOG),
    extraVolumes: [volume("audit-policy", dirname(AUDIT_POLICY), true), volume("audit-log", dirname(AUDIT_LOG), false)],
  };
  const controlPlane = {
    role: "control-plane",
    extraMounts: [{ hostPath: auditPolicyFile, containerPath: AUDIT_POLICY, readOnly: true }],
    kubeadmConfigPatches: [JSON.stringify({ kind: "ClusterConfiguration", apiServer })],
  };
  return {
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    nodes: [controlPlane, ...Array.from({ length: WORKERS }, () => ({ role: "worker" }))],
  };
}

async function preflight(): Promise<void> {
  const missing = ["docker", "kind", "kubectl", "helm"].filter((name) => findCommand(name) === null);
  const local = "or use CLUSTER=local as root on Linux, which needs none of them";
  if (missing.length > 0) throw new UserError(`not installed: ${missing.join(", ")}`, `install them, ${local}`);
  if (!dockerAnswers())
    throw new UserError("no Docker engine answers", `start Docker ('docker info' must work), ${local}`);
}

async function up(access: Access): Promise<void> {
  if ((await exists()) && (await revive(access))) return;
  await step("Create the kind cluster", async () => {
    await run("kind", ["delete", "cluster", "--name", NAME]);
    await mkdir(dirname(access.kubeconfig), { recursive: true });
    const policyFile = join(dirname(access.kubeconfig), "audit-policy.json");
    await writeFile(policyFile, JSON.stringify(auditPolicy()));
    const options = ["--name", NAME, "--kubeconfig", access.kubeconfig, "--config", "-", "--wait", "180s"];
    await run("kind", ["create", "cluster", ...options], { input: JSON.stringify(configOf(policyFile)) });
  });
}

/** Starts nodes that are stopped. Resolves to false when that does not give a cluster, as after an interrupted `up`. */
async function revive(access: Access): Promise<boolean> {
  await run("docker", ["start", ...(await nodes())]);
  const kubeconfig = ["--name", NAME, "--kubeconfig", access.kubeconfig];
  const ready = [
    `--kubeconfig=${access.kubeconfig}`,
    "wait",
    "--for=condition=Ready",
    "node",
    "--all",
    "--timeout=90s",
  ];
  return (
    (await succeeds("kind", ["export", "kubeconfig", ...kubeconfig])) &&
    (await nodes()).length === 1 + WORKERS &&
    (await succeeds(access.kubectl, ready))
  );
}

async function down(): Promise<void> {
  await step("Delete the kind cluster", () => run("kind", ["delete", "cluster", "--name", NAME]));
}

async function status(access: Access): Promise<string> {
  if (!(await exists())) return "The cluster does not run.";
  return new Kubectl(access, "default").run(["get", "nodes,pods", "--all-namespaces", "--output=wide"]);
}

async function loadImages({ archive, images }: LoadableImages): Promise<void> {
  const lacks = async (node: string): Promise<boolean> => {
    const present = lines(
      await run("docker", ["exec", node, "ctr", "--namespace=k8s.io", "images", "list", "--quiet"]),
    );
    return images.some(({ ref }) => !present.includes(ref));
  };
  const lacking = await Promise.all((await nodes()).map(lacks));
  if (lacking.includes(true)) await run("kind", ["load", "image-archive", archive, "--name", NAME]);
}

async function exists(): Promise<boolean> {
  return lines(await run("kind", ["get", "clusters"])).includes(NAME);
}

async function nodes(): Promise<string[]> {
  return lines(await run("kind", ["get", "nodes", "--name", NAME]));
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
