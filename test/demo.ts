import { linesOf } from "./box/print.ts";
import { type PhaseReport, simulate } from "./box/simulation.ts";
import type { AaaCluster, Partition } from "./lib/aaa-cluster.ts";
import { boxIdentity, sampleSubscribers } from "./lib/aaa-cluster.ts";
import type { KubernetesObject } from "./lib/kubectl.ts";
import { say, step } from "./lib/steps.ts";
import { until } from "./lib/until.ts";

const SUBSCRIBERS = 1000;
const BOXES = 20;
/** What happens to the boxes, and what the people in front of them do. */
const EVENING = {
  phases: [{ name: "boot", withinMs: 1_000 }, { name: "watch", forMs: 5_000 }, { name: "off" }],
  habits: {
    services: ["channel:news", "channel:sports", "channel:opera"],
    stayMs: 2_000,
    glanceMs: 500,
    interimMs: 2_000,
  },
  seed: 1,
  timeoutMs: 5_000,
  // A gateway finds a new node a few seconds late.
  patienceMs: 60_000,
} as const;

/** Uses a ready AaaCluster the way its operator and its boxes would, and prints what happened. */
export async function demonstrate(tv: AaaCluster, nodes: number): Promise<void> {
  await step(`Provision ${SUBSCRIBERS} subscribers, each with a device and an entitlement, through OSS`, () =>
    tv.provision(sampleSubscribers(1, SUBSCRIBERS)),
  );
  const partitions = await step(`Wait until all ${nodes} AAA nodes have it`, () => tv.converged(nodes, 120_000));
  const run = Date.now().toString(36);
  const reports = await step(`Let ${BOXES} set-top boxes watch through the AAA gateway`, () => useBoxes(tv, run));
  const records = await step("Wait until OSS has what the boxes reported of their sessions", () =>
    reported(
      tv,
      run,
      sum(reports, ({ operations }) => operations.account.succeeded),
    ),
  );
  await printTopology(tv);
  printPartitions(partitions);
  printReports(reports);
  say(`Accounting: ${records} records at OSS, as many as the boxes were told that they are taken`);
}

async function useBoxes(tv: AaaCluster, run: string): Promise<PhaseReport[]> {
  const gatewayUrl = await tv.gatewayUrl("aaa");
  const boxes = Array.from({ length: BOXES }, (_, index) => boxIdentity(index + 1));
  const reports: PhaseReport[] = [];
  for await (const report of simulate({ ...EVENING, gatewayUrl, boxes, run })) reports.push(report);
  const admitted = sum(reports, ({ operations }) => operations.authenticate.succeeded);
  if (admitted < BOXES) throw new Error(`only ${admitted} of ${BOXES} boxes were admitted: ${JSON.stringify(reports)}`);
  return reports;
}

/** Waits until OSS has so many records of this run; returns how many it has. */
function reported(tv: AaaCluster, run: string, expected: number): Promise<number> {
  const boxes = Array.from({ length: BOXES }, (_, index) => boxIdentity(index + 1).deviceId);
  return until(
    `OSS has ${expected} records of the boxes`,
    async () => {
      const records = await Promise.all(boxes.map((deviceId) => tv.accountingRecords(deviceId)));
      const ofRun = records.flat().filter(({ acctSessionId }) => acctSessionId.startsWith(`${run}-`));
      return ofRun.length >= expected && ofRun.length;
    },
    { deadlineMs: 60_000 },
  );
}

const sum = (reports: readonly PhaseReport[], of: (report: PhaseReport) => number): number =>
  reports.reduce((total, report) => total + of(report), 0);

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

function printReports(reports: readonly PhaseReport[]): void {
  const nodes = new Set(reports.flatMap((report) => Object.keys(report.nodes)));
  say(`\nSet-top boxes, answered by ${[...nodes].sort().join(" and ")}`);
  for (const line of reports.flatMap(linesOf)) say(`  ${line}`);
  say();
}
