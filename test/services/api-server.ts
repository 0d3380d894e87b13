import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import https from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";
import { builtTool } from "../cluster/tools.ts";
import { withLock } from "../lib/lock.ts";
import { type Program, startProgram } from "./api-server-process.ts";
import { ownedFolder, removeFolder } from "./folders.ts";
import { freePorts } from "./ports.ts";

const HOST = "127.0.0.1";
const NAME = "test";
const ADMIN_GROUP = "system:masters";

/**
 * A real kube-apiserver on a real etcd, without nodes and without controllers: nothing runs pods, collects garbage or
 * finishes the deletion of a namespace. Authorization is RBAC; the token given here may do everything.
 */
export interface ApiServer extends AsyncDisposable {
  /** https://127.0.0.1:<port> */
  readonly url: string;
  /** The administrator's bearer token. */
  readonly token: string;
  /** Path of a kubeconfig of the administrator. */
  readonly kubeconfig: string;
  /** The process id of kube-apiserver now. */
  readonly pid: number;
  /** An administrator's configuration; `server` in place of `url` when something stands between, as a fault proxy. */
  config(server?: string): KubeConfig;
  /** Ends the API server (etcd goes on), gently or as a power cut would; `start` brings it back on the same port. */
  down(how?: "gently" | "kill"): Promise<void>;
  start(): Promise<void>;
  /** Makes etcd forget all history before now. */
  compact(): Promise<void>;
  /** Ends both and removes their data. */
  stop(): Promise<void>;
}

export interface ApiServerOptions {
  /** Flags of kube-apiserver, name -> value, beside or instead of those it has here. */
  readonly flags?: Readonly<Record<string, string>>;
}

/** Starts etcd and kube-apiserver on free ports of 127.0.0.1; their programs are built the first time. */
export async function startApiServer({ flags = {} }: ApiServerOptions = {}): Promise<ApiServer> {
  const programs = await builtPrograms();
  const [port = 0, etcdPort = 0, peerPort = 0] = await freePorts(3);
  const url = `https://${HOST}:${port}`;
  const etcdUrl = `http://${HOST}:${etcdPort}`;
  const token = randomBytes(24).toString("base64url");
  const folder = await ownedFolder();
  const certificateFile = join(folder, "certificates", "apiserver.crt");
  const kubeconfig = join(folder, "kubeconfig");
  let certificate = "";
  let etcd: Program | undefined;
  let apiServer: Program | undefined;

  const config = (server = url): KubeConfig => administratorOf(server, token, certificate);
  const isReady = async (): Promise<boolean> => {
    certificate = await readFile(certificateFile, "utf8");
    const statuses = ["/readyz", "/api/v1/namespaces/default"].map((path) => statusOf(url + path, token, certificate));
    return (await Promise.all(statuses)).every((status) => status === 200);
  };
  const start = async (): Promise<void> => {
    if (apiServer?.isRunning()) return;
    const all = { ...apiServerFlags(folder, port, etcdUrl), ...flags };
    apiServer = await startProgram(programs.apiServer, all, join(folder, "api-server.log"));
    await apiServer.until("is ready", isReady);
  };
  const stop = async (): Promise<void> => {
    await apiServer?.end("SIGKILL");
    await etcd?.end("SIGKILL");
    await removeFolder(folder);
  };

  try {
    await writeCredentials(folder, token);
    etcd = await startProgram(programs.etcd, etcdFlags(folder, etcdUrl, peerPort), join(folder, "etcd.log"));
    await etcd.until("is healthy", async () => (await fetch(`${etcdUrl}/health`)).ok);
    await start();
    await writeFile(kubeconfig, config().exportConfig(), { mode: 0o600 });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    token,
    kubeconfig,
    get pid() {
      return apiServer?.pid ?? 0;
    },
    config,
    start,
    down: async (how = "gently") => apiServer?.end(how === "gently" ? "SIGTERM" : "SIGKILL"),
    compact: () => compact(etcdUrl),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Under the lock of `make up`, which builds the same programs. */
function builtPrograms(): Promise<{ etcd: string; apiServer: string }> {
  return withLock("cluster", async () => ({
    apiServer: join(await builtTool("kubernetes"), "kube-apiserver"),
    etcd: join(await builtTool("etcd"), "server"),
  }));
}

async function writeCredentials(folder: string, token: string): Promise<void> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "sec1", format: "pem" });
  await writeFile(join(folder, "service-account.key"), pem, { mode: 0o600 });
  await writeFile(join(folder, "tokens"), `${token},admin,admin,${ADMIN_GROUP}\n`, { mode: 0o600 });
}

function etcdFlags(folder: string, url: string, peerPort: number): Record<string, string> {
  const peer = `http://${HOST}:${peerPort}`;
  return {
    name: NAME,
    "data-dir": join(folder, "etcd"),
    "listen-client-urls": url,
    "advertise-client-urls": url,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `${NAME}=${peer}`,
    // It elects itself: with the default of a second, every start would wait most of that.
    "heartbeat-interval": "20",
    "election-timeout": "100",
    "unsafe-no-fsync": "true",
    "log-level": "warn",
  };
}

function apiServerFlags(folder: string, port: number, etcdUrl: string): Record<string, string> {
  const serviceAccountKey = join(folder, "service-account.key");
  return {
    "etcd-servers": etcdUrl,
    "bind-address": HOST,
    "advertise-address": HOST,
    "secure-port": String(port),
    "cert-dir": join(folder, "certificates"),
    "token-auth-file": join(folder, "tokens"),
    "authorization-mode": "RBAC",
    "service-cluster-ip-range": "10.96.0.0/16",
    "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
    "service-account-key-file": serviceAccountKey,
    "service-account-signing-key-file": serviceAccountKey,
    // Nothing asks for the Service `kubernetes`, whose endpoints may not be of this machine alone.
    "endpoint-reconciler-type": "none",
    // Without it a gentle end leaves open watches open and waits a minute for them.
    "shutdown-watch-termination-grace-period": "5s",
  };
}

function administratorOf(server: string, token: string, certificate: string): KubeConfig {
  const config = new KubeConfig();
  const caData = Buffer.from(certificate).toString("base64");
  // The library speaks plain HTTP, as to a proxy, only to those who verify nothing.
  const skipTLSVerify = server.startsWith("http:");
  config.loadFromClusterAndUser({ name: NAME, server, caData, skipTLSVerify }, { name: "admin", token });
  return config;
}

function statusOf(url: string, token: string, ca: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = https.get(url, { ca, agent: false, headers: { authorization: `Bearer ${token}` } });
    request.on("response", (response) => resolve(text(response).then(() => response.statusCode)));
    request.on("error", reject);
  });
}

async function compact(etcdUrl: string): Promise<void> {
  const now = await askEtcd(etcdUrl, "range", { key: btoa("/") });
  const { header } = (await now.json()) as { header: { revision: string } };
  const answer = await askEtcd(etcdUrl, "compaction", { revision: header.revision, physical: true });
  const text = await answer.text();
  if (!answer.ok && !text.includes("has been compacted")) throw new Error(`etcd refused to compact: ${text}`);
}

function askEtcd(etcdUrl: string, call: "range" | "compaction", body: unknown): Promise<Response> {
  return fetch(`${etcdUrl}/v3/kv/${call}`, { method: "POST", body: JSON.stringify(body) });
}
