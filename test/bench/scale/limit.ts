import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { usageOf } from "../../lib/process-usage.ts";
import { step } from "../../lib/steps.ts";
import { until } from "../../lib/until.ts";
import { startCommand } from "../../services/api-server-process.ts";
import { lastWriteAt } from "./audit.ts";
import { childrenOf } from "./children.ts";
import { createClusters, listClusters } from "./clusters.ts";
import { define, type Programs, startFakeKubernetes } from "./fake-kubernetes.ts";
import { lastWords } from "./measure.ts";
import type { Operator } from "./operators.ts";
import { type Made, writesOf } from "./replay.ts";
import type { LimitFigures } from "./report.ts";

const CLIENT = join(import.meta.dirname, "bare-client.ts");
const DEADLINE = { deadlineMs: 1_200_000, intervalMs: 250 };
const LOG = "bare-client.log";

/**
 * The limit of what any operator can reach: a bare client makes on a Kubernetes of its own the very objects that an
 * operator made on another, by one write for each of them and one for each status.
 */
export async function measureLimit(operator: Operator, made: Made, programs: Programs): Promise<LimitFigures> {
  await using kubernetes = await step("Start a Kubernetes for the bare client", () => startFakeKubernetes(programs));
  const { client, audit, folder, kubeconfig } = kubernetes;
  const clusters = made.clusters.length;
  await define(client, operator.definitions);
  await step(`bare client: apply ${clusters}`, () => createClusters(client, operator, clusters));
  const writes = writesOf(operator.resource, made, await listClusters(client, operator));
  const file = join(folder, "writes");
  await writeFile(file, writes.map(({ path, body }) => `${path}\t${JSON.stringify(body)}\n`).join(""), { mode: 0o600 });

  const startedAt = Date.now();
  const command = [process.execPath, CLIENT, kubeconfig, file] as const;
  const program = await startCommand(command, join(folder, LOG), { PATH: process.env.PATH });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => program.end("SIGTERM"));
  const hasSentAll = async (): Promise<boolean> =>
    !program.isRunning() || (await audit.calls()).length >= writes.length;
  await step(`bare client: ${writes.length} writes`, () => until("all is written", hasSentAll, DEADLINE));
  if (!program.isRunning()) throw new Error(`the bare client ended:\n${await lastWords(join(folder, LOG))}`);

  const { cpuSeconds } = await usageOf(program.pid);
  const calls = await audit.calls();
  const children = [...(await childrenOf(client, operator.resource, clusters)).values()].flat().length;
  return {
    settled_seconds: (lastWriteAt(calls) - startedAt) / 1000,
    children,
    api_calls: calls.length,
    api_calls_per_child: calls.length / children,
    cpu_s: cpuSeconds,
  };
}
