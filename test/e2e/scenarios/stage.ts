import { test } from "@jest/globals";
import { chooseCluster } from "../../cluster/choose.ts";
import type { AaaCluster } from "../../lib/aaa-cluster.ts";
import type { Kubectl } from "../../lib/kubectl.ts";
import { until } from "../../lib/until.ts";

export const MINUTE_MS = 60_000;
export const NAMESPACE = "aaa-e2e";

/** Whether the nodes are network namespaces of this machine, where cables can be cut and addresses seen. */
export const isLocal = chooseCluster().kind === "local";
export const onLocal = isLocal ? test : test.skip;

/** What the scenarios play on: one AaaCluster that lives through all of them, and the operators. */
export interface Stage {
  readonly tv: AaaCluster;
  readonly operators: Kubectl;
}

/** Gives the stage once it is there; tests are registered before. */
export type TheStage = () => Stage;

/** The uids of all pods of the AaaCluster but those that are on their way out. */
export async function podUids({ tv }: Stage): Promise<readonly string[]> {
  const pods = await tv.kubectl.list("pods", `app.kubernetes.io/instance=${tv.name}`);
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return staying.map(({ metadata }) => metadata.uid).sort();
}

interface Event {
  readonly reason: string;
  readonly note: string;
  readonly regarding: object;
}

/** The Events that the operator made for the AaaCluster. */
export async function eventsOf({ tv }: Stage): Promise<readonly Event[]> {
  const { items } = await tv.kubectl.getRaw<{ items: Event[] }>(
    `/apis/events.k8s.io/v1/namespaces/${tv.kubectl.namespace}/events?fieldSelector=reportingController=aaacluster.io/aaa-operator`,
  );
  return items;
}

/** Runs a command in a broker's pod. */
export function inBroker({ tv }: Stage, ...command: readonly string[]): Promise<string> {
  return tv.kubectl.run(["exec", "tv-broker-0", "--container=rabbitmq", "--", ...command]);
}

/** Waits until the operator that leads has written its version into the status. */
export function operatedBy({ tv }: Stage, version: string): Promise<unknown> {
  return until(
    `operator ${version} wrote the status`,
    async () => (await tv.get()).status.operatorVersion === version,
    {
      deadlineMs: 2 * MINUTE_MS,
      intervalMs: 1000,
    },
  );
}
