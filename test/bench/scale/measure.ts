import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../../../operator/src/kube/index.ts";
import { type Usage, usageOf } from "../../lib/process-usage.ts";
import { rounded } from "../../lib/statistics.ts";
import { say, step } from "../../lib/steps.ts";
import { until } from "../../lib/until.ts";
import { type Program, startCommand } from "../../services/api-server-process.ts";
import { byKind, type Call, lastWriteAt } from "./audit.ts";
import { childrenOf } from "./children.ts";
import { createClusters, listClusters } from "./clusters.ts";
import { define, type FakeKubernetes, type Programs, startFakeKubernetes } from "./fake-kubernetes.ts";
import type { Operator } from "./operators.ts";
import type { Made } from "./replay.ts";
import type { Figures } from "./report.ts";

const DEADLINE = { deadlineMs: 1_200_000, intervalMs: 1000 };
/** An operator that has written nothing for so long has no more to do. */
const QUIET_MS = 10_000;
const IDLE_SECONDS = 30;
const SHOWN_KINDS = 8;
const SHOWN_LINES = 20;
const LOG = "operator.log";

interface Sample extends Usage {
  readonly at: number;
}

/** What an operator did, and what it has made by that. */
export interface Measurement {
  readonly figures: Figures;
  readonly made: Made;
}

/** Lets an operator reconcile so many clusters at once on a Kubernetes of its own, and then idle. */
export async function measure(operator: Operator, clusters: number, programs: Programs): Promise<Measurement> {
  const { name } = operator;
  await using kubernetes = await step(`Start a Kubernetes for ${name}`, () => startFakeKubernetes(programs));
  const { client, audit } = kubernetes;
  await define(client, operator.definitions);
  const program = await startOperator(operator, kubernetes);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => program.end("SIGTERM"));
  const samples: Sample[] = [];
  const wait = async (what: string, probe: () => Promise<boolean>): Promise<void> => {
    const isOver = async (): Promise<boolean> => {
      if (!program.isRunning()) return true;
      samples.push({ at: Date.now(), ...(await usageOf(program.pid)) });
      return probe();
    };
    await step(`${name}: wait until ${what}`, () => until(what, isOver, DEADLINE));
    if (!program.isRunning()) throw new Error(`${name} ended:\n${await lastWords(join(kubernetes.folder, LOG))}`);
  };

  await wait("it leads and watches", async () => works(operator, await audit.calls()));
  const appliedAt = Date.now();
  await step(`${name}: apply ${clusters}`, () => createClusters(client, operator, clusters));
  await wait("all are reconciled", () => allReconciled(client, operator));
  const reconciledAt = Date.now();
  await wait("it has no more to do", async () => {
    const quietMs = Date.now() - lastWriteAt(await audit.calls());
    return quietMs > QUIET_MS && (await allPodsReady(client));
  });
  const settledAt = lastWriteAt(await audit.calls());
  const idle = await step(`${name}: idle for ${IDLE_SECONDS} s`, () => callsWithin(kubernetes, IDLE_SECONDS));
  const { peakMib } = await usageOf(program.pid);
  const calls = (await audit.calls()).filter(({ at }) => at <= settledAt);
  tell(calls);
  const made = {
    clusters: await listClusters(client, operator),
    children: await childrenOf(client, operator.resource, clusters),
  };
  const children = [...made.children.values()].flat().length;
  const figures = {
    seconds: (reconciledAt - appliedAt) / 1000,
    settled_seconds: (settledAt - appliedAt) / 1000,
    children,
    api_calls: calls.length,
    api_calls_per_cluster: calls.length / clusters,
    api_calls_per_child: calls.length / children,
    cpu_s: samples.find(({ at }) => at >= settledAt)?.cpuSeconds ?? Number.NaN,
    rss_mb: (peakMib * 2 ** 20) / 1e6,
    idle_calls_per_minute_per_cluster: (idle.length / IDLE_SECONDS / clusters) * 60,
  };
  return { figures, made };
}

function startOperator(operator: Operator, kubernetes: FakeKubernetes): Promise<Program> {
  const env = { PATH: process.env.PATH, ...operator.environment(kubernetes) };
  return startCommand(operator.command, join(kubernetes.folder, LOG), env);
}

/** The end of a log. */
export async function lastWords(log: string): Promise<string> {
  return (await readFile(log, "utf8")).trim().split("\n").slice(-SHOWN_LINES).join("\n");
}

function works({ resource }: Operator, calls: readonly Call[]): boolean {
  const hasLease = calls.some((call) => call.resource === "leases");
  return hasLease && calls.some((call) => call.verb === "watch" && call.resource === resource.plural);
}

async function allReconciled(client: KubeClient, operator: Operator): Promise<boolean> {
  return (await listClusters(client, operator)).every((cluster) => operator.isReconciled(cluster));
}

interface Workload {
  readonly spec: { readonly replicas: number };
  readonly status?: { readonly readyReplicas?: number };
}

async function allPodsReady(client: KubeClient): Promise<boolean> {
  for (const plural of ["statefulsets", "deployments"]) {
    const { items } = await client.request<{ items: readonly Workload[] }>("GET", `/apis/apps/v1/${plural}`);
    if (items.some(({ spec, status }) => (status?.readyReplicas ?? 0) < spec.replicas)) return false;
  }
  return true;
}

/** The operator's calls from now on. */
async function callsWithin({ audit }: FakeKubernetes, seconds: number): Promise<readonly Call[]> {
  const from = Date.now();
  await sleep(seconds * 1000);
  const calls = (await audit.calls()).filter(({ at }) => at > from);
  tell(calls);
  return calls;
}

/** Says what most calls were. */
function tell(calls: readonly Call[]): void {
  const most = byKind(calls).slice(0, SHOWN_KINDS);
  const share = (count: number): string => `${rounded((100 * count) / calls.length)} %`;
  say(`      ${calls.length} calls: ${most.map(([kind, count]) => `${kind} ${count} (${share(count)})`).join(", ")}`);
}
