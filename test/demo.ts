import { Box } from "./box/box.ts";
import type { AaaCluster, Partition } from "./lib/aaa-cluster.ts";
import { boxIdentity, sampleSubscribers } from "./lib/aaa-cluster.ts";
import type { KubernetesObject } from "./lib/kubectl.ts";
import { say, step } from "./lib/steps.ts";
import { until } from "./lib/until.ts";

const SUBSCRIBERS = 1000;
const BOXES = 20;
const SESSION = { acctSessionId: "demo", service: "channel:news", eventTime: "2026-01-01T20:00:00Z" };

interface Answers {
  readonly first: string;
  readonly admitted: number;
  readonly permitted: number;
  readonly denied: number;
  readonly nodes: ReadonlySet<string>;
}

/** Uses a ready AaaCluster the way its operator and its boxes would, and prints what happened. */
export async function demonstrate(tv: AaaCluster, nodes: number): Promise<void> {
  await step(`Provision ${SUBSCRIBERS} subscribers, each with a device and an entitlement, through OSS`, () =>
    tv.provision(sampleSubscribers(1, SUBSCRIBERS)),
  );
  const partitions = await step(`Wait until all ${nodes} AAA nodes have it`, () => tv.converged(nodes, 120_000));
  const answers = await step(`Admit ${BOXES} set-top boxes through the AAA gateway`, () => useBoxes(tv));
  const records = await step(`Wait until OSS has what the boxes reported of their sessions`, () => reported(tv));
  await printTopology(tv);
  printPartitions(partitions);
  printAnswers(answers);
  say(`Accounting: ${records} records at OSS, one for each box`);
}

async function useBoxes(tv: AaaCluster): Promise<Answers> {
  const gatewayUrl = await tv.gatewayUrl("aaa");
  const seen = new Set<string>();
  let first = "";
  let [admitted, permitted, denied] = [0, 0, 0];
  for (let index = 1; index <= BOXES; index += 1) {
    const box = new Box({ gatewayUrl, ...boxIdentity(index) });
    const admission = await box.authenticate();
    admitted += 1;
    for (const service of ["channel:news", "channel:opera"]) {
      const answer = await box.authorize(service);
      if (answer.decision === "Permit") permitted += 1;
      else denied += 1;
      seen.add(answer.partition);
      if (index === 1)
        first += `    ${service.padEnd(16)}${answer.decision} (${answer.reason}), by ${answer.partition}\n`;
    }
    seen.add(admission.partition);
    // The same record whenever this is run: OSS keeps it once.
    await box.account({ ...SESSION, acctStatusType: "Start", accountingRecordNumber: 0 });
  }
  return { first, admitted, permitted, denied, nodes: seen };
}

/** Waits until OSS has a record of every box; returns how many records these are. */
function reported(tv: AaaCluster): Promise<number> {
  const boxes = Array.from({ length: BOXES }, (_, index) => boxIdentity(index + 1).deviceId);
  return until(
    "OSS has a record of every box",
    async () => {
      const records = await Promise.all(boxes.map((deviceId) => tv.accountingRecords(deviceId)));
      return records.every(({ length }) => length > 0) && records.flat().length;
    },
    { deadlineMs: 60_000 },
  );
}

async function printTopology(tv: AaaCluster): Promise<void> {
  const { namespace } = tv.kubectl;
  const cluster = await tv.get();
  const pods = await tv.kubectl.list("pods", `app.kubernetes.io/instance=${tv.name}`);
  say(`\nAaaCluster ${namespace}/${tv.name}`);
  for (const [gateway, endpoint] of Object.entries(cluster.status.endpoints as Record<string, string>)) {
    say(`  ${`${gateway} gateway`.padEnd(16)}${endpoint}`);
  }
  for (const pod of [...pods].sort(byName)) {
    const { podIP, hostIP } = pod.status;
    say(`  ${pod.metadata.name.padEnd(36)}${String(podIP).padEnd(14)}on ${pod.spec.nodeName} (${hostIP})`);
  }
}

function byName(a: KubernetesObject, b: KubernetesObject): number {
  return a.metadata.name.localeCompare(b.metadata.name);
}

function printPartitions(partitions: readonly Partition[]): void {
  say("\nPartition queues");
  for (const { queue, epoch, sequence, lag, synced } of partitions) {
    say(`  ${queue.padEnd(28)}epoch ${epoch}  sequence ${sequence}  lag ${lag}  ${synced ? "synced" : "not synced"}`);
  }
}

function printAnswers({ first, admitted, permitted, denied, nodes }: Answers): void {
  say(`\nSet-top boxes: ${admitted} admitted, ${permitted} services permitted, ${denied} denied, answered by`);
  say(`  ${[...nodes].sort().join(" and ")}`);
  say(`  the first one:\n${first}`);
}
