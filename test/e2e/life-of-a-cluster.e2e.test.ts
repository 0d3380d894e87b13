import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Report } from "../box/box.ts";
import { requireFreeVirtualIPs } from "../gateways/virtual-ip.ts";
import type { Partition } from "../lib/aaa-cluster.ts";
import { AaaCluster, boxIdentity, conditionOf, sampleSubscribers } from "../lib/aaa-cluster.ts";
import { Kubectl } from "../lib/kubectl.ts";
import { OPERATOR_NAMESPACE } from "../lib/operator.ts";
import { startPlatform } from "../lib/platform.ts";
import { until } from "../lib/until.ts";
import { brokerIsRepaired } from "./scenarios/broker-repairs.ts";
import { childrenComeBack } from "./scenarios/children.ts";
import { nodesAreCompared } from "./scenarios/comparison.ts";
import { externalPartsServe } from "./scenarios/external.ts";
import { statusIsHonest } from "./scenarios/honest-status.ts";
import { strangersStayOutside } from "./scenarios/network.ts";
import { operatorsChange } from "./scenarios/operators.ts";
import { rightsAreAllUsed } from "./scenarios/rights.ts";
import { eventsOf, isLocal, MINUTE_MS, NAMESPACE, type TheStage } from "./scenarios/stage.ts";
import { virtualIPHasAHolder } from "./scenarios/virtual-ip.ts";

// The tests follow one AaaCluster from its first apply to its deletion, so each stands on the one before it.
describe("the life of an AaaCluster", () => {
  let tv: AaaCluster;
  let operators: Kubectl;

  beforeAll(async () => {
    tv = new AaaCluster(await startPlatform(), NAMESPACE);
    operators = new Kubectl(tv.kubectl.access, OPERATOR_NAMESPACE);
    await deleteNamespace();
    if (isLocal) await requireFreeVirtualIPs();
  }, 30 * MINUTE_MS);

  afterAll(() => deleteNamespace(), 5 * MINUTE_MS);

  function deleteNamespace(): Promise<string> {
    return tv.kubectl.run(["delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s"]);
  }

  async function brokerJson<T>(...command: readonly string[]): Promise<T> {
    return JSON.parse(await tv.kubectl.run(["exec", "tv-broker-0", "--", ...command, "--formatter=json"])) as T;
  }

  async function partitionQueues(): Promise<readonly string[]> {
    const queues = await brokerJson<{ name: string }[]>("rabbitmqctl", "list_queues", "--quiet", "--vhost=aaa", "name");
    return queues
      .map(({ name }) => name)
      .filter((name) => name.startsWith("aaa.partition."))
      .sort();
  }

  test(
    "the sample, installed by Helm, becomes Ready with every part running, and Helm waits for that",
    async () => {
      await tv.install(360);
      const cluster = await tv.get();
      expect(conditionOf(cluster, "Ready")).toMatchObject({ status: "True" });
      expect(cluster.status).toMatchObject({
        broker: { replicas: 3, readyReplicas: 3 },
        nodes: { replicas: 2, readyReplicas: 2 },
      });
      const pods = await tv.kubectl.list("pods", `app.kubernetes.io/instance=${tv.name}`);
      const notRestricted = pods.filter((pod) => pod.spec.securityContext.runAsNonRoot !== true);
      expect(notRestricted).toEqual([]);
    },
    7 * MINUTE_MS,
  );

  test(
    "the three broker pods form one RabbitMQ cluster",
    async () => {
      const status = await brokerJson<{ running_nodes: string[] }>("rabbitmqctl", "cluster_status", "--quiet");
      expect(status.running_nodes).toHaveLength(3);
    },
    MINUTE_MS,
  );

  test(
    "each AAA pod has a partition queue named after it",
    async () => {
      expect(await partitionQueues()).toEqual(["aaa.partition.tv-aaa-0", "aaa.partition.tv-aaa-1"]);
    },
    MINUTE_MS,
  );

  test(
    "what OSS accepts reaches the database of every AAA node",
    async () => {
      await tv.provision(sampleSubscribers(1, 200));
      const partitions = await tv.converged(2, 2 * MINUTE_MS);
      expect(partitions.map(({ name }) => name).sort()).toEqual(["tv-aaa-0", "tv-aaa-1"]);
    },
    3 * MINUTE_MS,
  );

  test(
    "a box is admitted and authorized through the AAA gateway",
    async () => {
      const box = await tv.admittedBox(7);
      expect(await box.authorize("channel:news")).toMatchObject({ decision: "Permit" });
      expect(await box.authorize("channel:opera")).toMatchObject({ decision: "Deny" });
    },
    MINUTE_MS,
  );

  test(
    "a box nobody provisioned is refused",
    async () => {
      const stranger = await tv.box(9999);
      await expect(stranger.authenticate()).rejects.toThrow(/401/);
    },
    MINUTE_MS,
  );

  test(
    "what a box reports of a session is at OSS, and once, although the box sends it twice",
    async () => {
      const box = await tv.admittedBox(8);
      const session = { acctSessionId: "e2e", service: "channel:news", eventTime: "2026-11-22T20:00:00Z" };
      const reports: readonly Report[] = [
        { ...session, acctStatusType: "Start", accountingRecordNumber: 0 },
        { ...session, acctStatusType: "Stop", accountingRecordNumber: 1, acctSessionTime: 60 },
      ];
      const ids: string[] = [];
      for (const report of reports) ids.push(await box.account(report));
      // The gateway gives it to whichever node it likes.
      for (const [index, report] of reports.entries()) expect(await box.account(report)).toBe(ids[index]);
      const { deviceId } = boxIdentity(8);
      const records = await until(
        "OSS has both records",
        async () => {
          const stored = await tv.accountingRecords(deviceId);
          return stored.length >= ids.length ? stored : null;
        },
        { deadlineMs: MINUTE_MS },
      );
      expect(records.map(({ recordId }) => recordId).sort()).toEqual([...ids].sort());
      expect(records.find(({ acctStatusType }) => acctStatusType === "Stop")).toMatchObject(reports[1] ?? {});
    },
    2 * MINUTE_MS,
  );

  test(
    "taking brokers away, which would cost their queues the majority, is refused",
    async () => {
      const patch = JSON.stringify({ spec: { broker: { replicas: 1 } } });
      const refusal = tv.kubectl.run(["patch", "aaacluster", tv.name, "--type=merge", `--patch=${patch}`]);
      await expect(refusal).rejects.toThrow("brokers cannot be taken away");
    },
    MINUTE_MS,
  );

  test(
    "a deleted AAA pod comes back with its volume, its data and its queue",
    async () => {
      const before = await tv.kubectl.get("pod", "tv-aaa-0");
      const partition = await tv.partition("tv-aaa-0");
      await tv.kubectl.run(["delete", "pod", "tv-aaa-0", "--wait=false"]);
      await tv.provision(sampleSubscribers(201, 220));
      const after = await until(
        "a new pod tv-aaa-0 answers",
        async () => {
          const pod = await tv.kubectl.get("pod", "tv-aaa-0");
          return pod.metadata.uid !== before.metadata.uid && (await tv.partition("tv-aaa-0"));
        },
        { deadlineMs: 3 * MINUTE_MS, intervalMs: 1000 },
      );
      expect(BigInt((after as Partition).sequence)).toBeGreaterThanOrEqual(BigInt(partition.sequence));
      await tv.converged(2, 2 * MINUTE_MS);
      expect(await partitionQueues()).toEqual(["aaa.partition.tv-aaa-0", "aaa.partition.tv-aaa-1"]);
      await tv.ready(MINUTE_MS);
    },
    7 * MINUTE_MS,
  );

  test(
    "a third AAA node gets everything that was provisioned before it came",
    async () => {
      await tv.kubectl.run(["scale", `aaacluster/${tv.name}`, "--replicas=3"]);
      const partitions = await tv.converged(3, 4 * MINUTE_MS);
      expect(new Set(partitions.map(({ sequence }) => sequence)).size).toBe(1);
      await tv.ready(MINUTE_MS);
      expect(await partitionQueues()).toContain("aaa.partition.tv-aaa-2");
    },
    6 * MINUTE_MS,
  );

  test(
    "the queue of a node scaled away goes with it",
    async () => {
      await tv.kubectl.run(["scale", `aaacluster/${tv.name}`, "--replicas=2"]);
      await until("only two partition queues are left", async () => (await partitionQueues()).length === 2, {
        deadlineMs: 3 * MINUTE_MS,
        intervalMs: 3000,
      });
      await tv.ready(MINUTE_MS);
    },
    5 * MINUTE_MS,
  );

  test(
    "a cluster without AAA nodes says that no box is answered, and recovers",
    async () => {
      await tv.kubectl.run(["scale", `aaacluster/${tv.name}`, "--replicas=0"]);
      await until(
        "the status says that there are no AAA nodes",
        async () => conditionOf(await tv.get(), "NodesReady")?.reason === "NoReplicas",
        { deadlineMs: MINUTE_MS, intervalMs: 1000 },
      );
      expect(conditionOf(await tv.get(), "Ready")).toMatchObject({ status: "False" });
      await until("no AAA node is in the status", async () => (await tv.get()).status.partitions === undefined, {
        deadlineMs: MINUTE_MS,
        intervalMs: 1000,
      });
      await tv.kubectl.run(["scale", `aaacluster/${tv.name}`, "--replicas=2"]);
      await tv.ready(2 * MINUTE_MS);
      await tv.converged(2, MINUTE_MS);
    },
    6 * MINUTE_MS,
  );

  test(
    "Events of the AaaCluster say when it became ready",
    async () => {
      const events = await eventsOf({ tv, operators });
      expect(events.map(({ reason }) => reason)).toContain("Ready");
      expect(events[0]?.regarding).toMatchObject({ kind: "AaaCluster", name: tv.name });
    },
    MINUTE_MS,
  );

  const stage: TheStage = () => ({ tv, operators });
  nodesAreCompared(stage);
  brokerIsRepaired(stage);
  statusIsHonest(stage);
  strangersStayOutside(stage);
  childrenComeBack(stage);
  virtualIPHasAHolder(stage);
  operatorsChange(stage);
  externalPartsServe(stage);

  test(
    "deleting the AaaCluster leaves nothing behind",
    async () => {
      await tv.kubectl.run(["delete", "aaacluster", tv.name, "--timeout=180s"]);
      const kinds =
        "pods,services,statefulsets,deployments,configmaps,secrets,persistentvolumeclaims,poddisruptionbudgets,serviceaccounts,networkpolicies";
      await until(
        "no child of the AaaCluster is left",
        async () => {
          const left = await tv.kubectl.list(kinds, `app.kubernetes.io/instance=${tv.name}`);
          if (left.length > 0) throw new Error(left.map((child) => `${child.kind} ${child.metadata.name}`).join(", "));
          return true;
        },
        { deadlineMs: 4 * MINUTE_MS, intervalMs: 2000 },
      );
      await until(
        "no persistent volume of the namespace is left",
        async () => {
          const volumes = await tv.kubectl.list("persistentvolumes");
          return volumes.every((volume) => volume.spec.claimRef?.namespace !== NAMESPACE);
        },
        { deadlineMs: 2 * MINUTE_MS, intervalMs: 2000 },
      );
    },
    10 * MINUTE_MS,
  );

  rightsAreAllUsed(stage);
});
