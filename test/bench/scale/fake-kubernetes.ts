import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { KubeClient } from "../../../operator/src/kube/index.ts";
import { until } from "../../lib/until.ts";
import { type ApiServer, startApiServer } from "../../services/api-server.ts";
import { type Program, startProgram } from "../../services/api-server-process.ts";
import { ownedFolder, removeFolder } from "../../services/folders.ts";
import { AuditLog, auditPolicy } from "./audit.ts";

const NAMESPACE = "operators";
const ACCOUNT = "operator";
const NODE = "fake";
const STAGES = join(import.meta.dirname, "stages.yaml");
/** Whoever calls a pod is refused on this machine, and nothing leaves it. */
const POD_RANGE = "127.64.0.0/10";
/** Those that make pods of what an operator makes, and what belongs to it. Volumes stay unbound: no pod really starts. */
const CONTROLLERS = [
  "deployment-controller",
  "disruption-controller",
  "endpointslice-controller",
  "garbage-collector-controller",
  "replicaset-controller",
  "serviceaccount-controller",
  "statefulset-controller",
];

/** A Kubernetes whose pods are Ready at once and do not exist, with one account whose requests are logged. */
export interface FakeKubernetes extends AsyncDisposable {
  /** As an administrator. */
  readonly client: KubeClient;
  /** A folder for what goes with it. */
  readonly folder: string;
  /** Path of a kubeconfig of the operator under measurement. */
  readonly kubeconfig: string;
  /** Where that operator may hold its lease. */
  readonly namespace: string;
  /** The operator's requests. */
  readonly audit: AuditLog;
}

/** Paths of programs. */
export interface Programs {
  readonly controllerManager: string;
  readonly kwok: string;
}

/** Starts etcd, kube-apiserver, kube-controller-manager and KWOK. */
export async function startFakeKubernetes(programs: Programs): Promise<FakeKubernetes> {
  await using started = new AsyncDisposableStack();
  const folder = await ownedFolder();
  started.defer(() => removeFolder(folder));
  const server = await startServer(folder);
  started.use(server);
  const audit = started.use(await AuditLog.open(join(folder, "audit.log")));
  const controllerManager = await startControllerManager(programs.controllerManager, server, folder);
  started.defer(() => controllerManager.end("SIGKILL"));
  const kwok = await startKwok(programs.kwok, server, folder);
  started.defer(() => kwok.end("SIGKILL"));
  const client = new KubeClient(server.config());
  await makeNode(client);
  await kwok.until("makes the node ready", () => isNodeReady(client));
  const kubeconfig = join(folder, "operator.kubeconfig");
  await writeFile(kubeconfig, await operatorConfig(server, client), { mode: 0o600 });
  const stack = started.move();
  return {
    client,
    folder,
    kubeconfig,
    namespace: NAMESPACE,
    audit,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function startServer(folder: string): Promise<ApiServer> {
  const policy = join(folder, "audit-policy.json");
  const log = join(folder, "audit.log");
  await writeFile(policy, JSON.stringify(auditPolicy(`system:serviceaccount:${NAMESPACE}:${ACCOUNT}`)));
  await writeFile(log, "", { mode: 0o600 });
  // In MiB: so much that it never begins a new file.
  const flags = { "audit-policy-file": policy, "audit-log-path": log, "audit-log-maxsize": "10000" };
  return await startApiServer({ flags });
}

function startControllerManager(program: string, { kubeconfig }: ApiServer, folder: string): Promise<Program> {
  const flags = {
    kubeconfig,
    controllers: CONTROLLERS.join(","),
    "leader-elect": "false",
    "secure-port": "0",
    // It shall never be what the operator waits for.
    "kube-api-qps": "1000",
    "kube-api-burst": "2000",
  };
  return startProgram(program, flags, join(folder, "controller-manager.log"));
}

function startKwok(program: string, { kubeconfig }: ApiServer, folder: string): Promise<Program> {
  const flags = {
    kubeconfig,
    config: STAGES,
    "manage-all-nodes": "true",
    cidr: POD_RANGE,
    "node-ip": "127.0.0.1",
    v: "WARN",
  };
  return startProgram(program, flags, join(folder, "kwok.log"));
}

/** A node, and a policy by which every pod is bound to it when it is made: there is nothing to choose from. */
async function makeNode(client: KubeClient): Promise<void> {
  await client.request("POST", "/api/v1/nodes", { body: { metadata: { name: NODE } } });
  const policies = "/apis/admissionregistration.k8s.io/v1";
  const pods = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] };
  const policy = {
    metadata: { name: "schedule" },
    spec: {
      matchConstraints: { resourceRules: [pods] },
      failurePolicy: "Fail",
      reinvocationPolicy: "Never",
      mutations: [
        {
          patchType: "ApplyConfiguration",
          applyConfiguration: { expression: `Object{spec: Object.spec{nodeName: "${NODE}"}}` },
        },
      ],
    },
  };
  await client.request("POST", `${policies}/mutatingadmissionpolicies`, { body: policy });
  const binding = { metadata: { name: "schedule" }, spec: { policyName: "schedule" } };
  await client.request("POST", `${policies}/mutatingadmissionpolicybindings`, { body: binding });
}

async function isNodeReady(client: KubeClient): Promise<boolean> {
  const node = await client.request<{ status: { conditions?: readonly { type: string; status: string }[] } }>(
    "GET",
    `/api/v1/nodes/${NODE}`,
  );
  return node.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

/** The account that may do everything, as a kubeconfig. */
async function operatorConfig(server: ApiServer, client: KubeClient): Promise<string> {
  const accounts = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`;
  await client.request("POST", "/api/v1/namespaces", { body: { metadata: { name: NAMESPACE } } });
  await client.request("POST", accounts, { body: { metadata: { name: ACCOUNT } } });
  const subjects = [{ kind: "ServiceAccount", namespace: NAMESPACE, name: ACCOUNT }];
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" };
  await client.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    body: { metadata: { name: ACCOUNT }, roleRef, subjects },
  });
  const { status } = await client.request<{ status: { token: string } }>("POST", `${accounts}/${ACCOUNT}/token`, {
    body: { spec: { expirationSeconds: 7200 } },
  });
  const config = new KubeConfig();
  const cluster = server.config().getCurrentCluster();
  if (cluster === null) throw new Error("the API server's configuration names no cluster");
  config.loadFromClusterAndUser(cluster, { name: ACCOUNT, token: status.token });
  return config.exportConfig();
}

/** Defines kinds, and waits until they are served. */
export async function define(client: KubeClient, definitions: readonly Definition[]): Promise<void> {
  const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  for (const body of definitions) {
    await client.request("POST", path, { body });
    const { group, names, versions } = body.spec;
    const served = `/apis/${group}/${versions[0]?.name}/${names.plural}`;
    await until(`${served} is served`, () => client.find(served), { deadlineMs: 30_000, intervalMs: 100 });
  }
}

/** The part of a CustomResourceDefinition that says where its objects are. */
export interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: readonly { readonly name: string }[];
  };
}
