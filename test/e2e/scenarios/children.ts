import { expect, test } from "@jest/globals";
import { sampleSubscribers } from "../../lib/aaa-cluster.ts";
import type { KubernetesObject } from "../../lib/kubectl.ts";
import { until } from "../../lib/until.ts";
import { MINUTE_MS, podUids, type TheStage } from "./stage.ts";

const WITHOUT_PODS = ["serviceaccount", "networkpolicy", "configmap", "service", "poddisruptionbudget"];
const WITH_PODS = ["statefulset", "deployment"];

/** Deletes every child in turn: each comes back, and nothing that was stored is lost. */
export function childrenComeBack(stage: TheStage): void {
  const children = (kind: string): Promise<readonly KubernetesObject[]> =>
    stage().tv.kubectl.list(kind, "app.kubernetes.io/instance=tv,app.kubernetes.io/managed-by=aaa-operator");

  /** The uids of the pods of a workload. */
  async function podsOf({ spec }: KubernetesObject): Promise<readonly string[]> {
    const labels: Readonly<Record<string, string>> = spec.selector.matchLabels;
    const selector = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
    return (await stage().tv.kubectl.list("pods", selector.join(","))).map(({ metadata }) => metadata.uid);
  }

  async function deleteAndAwait(kind: string, { metadata: { name, uid } }: KubernetesObject): Promise<void> {
    const { kubectl } = stage().tv;
    await kubectl.run(["delete", kind, name, "--wait=false"]);
    await until(
      `another ${kind} ${name} exists`,
      async () => {
        const { metadata } = await kubectl.get(kind, name);
        return metadata.uid !== uid && metadata.deletionTimestamp === undefined;
      },
      { deadlineMs: 2 * MINUTE_MS },
    );
  }

  test.each(WITHOUT_PODS)(
    "every %s that somebody deletes comes back, without any pod being touched",
    async (kind) => {
      const pods = await podUids(stage());
      const before = await children(kind);
      expect(before.length).toBeGreaterThan(0);
      for (const child of before) await deleteAndAwait(kind, child);
      await stage().tv.ready(MINUTE_MS);
      expect(await podUids(stage())).toEqual(pods);
    },
    4 * MINUTE_MS,
  );

  test(
    "every Secret that somebody deletes comes back as it was, so that whoever knows it need not be told",
    async () => {
      const { kubectl } = stage().tv;
      const secrets = await children("secret");
      expect(secrets.map(({ metadata }) => metadata.name)).toContain("tv-broker-erlang-cookie");
      for (const { metadata } of secrets) await kubectl.run(["delete", "secret", metadata.name]);
      for (const { metadata, data } of secrets) {
        const again = await until(`Secret ${metadata.name} is back`, () => kubectl.get("secret", metadata.name), {
          deadlineMs: 2 * MINUTE_MS,
        });
        expect(again.metadata.uid).not.toBe(metadata.uid);
        expect(again.data).toEqual(data);
      }
    },
    3 * MINUTE_MS,
  );

  test.each(WITH_PODS)(
    "every %s that somebody deletes comes back, and the cluster with all that was stored",
    async (kind) => {
      const { tv } = stage();
      for (const child of await children(kind)) {
        const pods = await podsOf(child);
        await deleteAndAwait(kind, child);
        // Until the garbage collector has taken these, the cluster is as ready as before.
        await until(
          `the pods of ${kind} ${child.metadata.name} have gone`,
          async () => (await podsOf(child)).every((uid) => !pods.includes(uid)),
          { deadlineMs: 2 * MINUTE_MS },
        );
        await tv.ready(3 * MINUTE_MS);
      }
      await tv.provision(sampleSubscribers(301, 310));
      await tv.converged(2, MINUTE_MS);
      await tv.admittedBox(7);
    },
    12 * MINUTE_MS,
  );

  test(
    "an AaaCluster that was deleted as an orphan and applied again adopts all its children, and no pod is touched",
    async () => {
      const { tv } = stage();
      const pods = await podUids(stage());
      await tv.kubectl.run(["delete", "aaacluster", tv.name, "--cascade=orphan"]);
      await tv.apply();
      const { metadata } = await tv.ready(MINUTE_MS);
      expect(await podUids(stage())).toEqual(pods);
      const owned = (await Promise.all([...WITHOUT_PODS, ...WITH_PODS, "secret", "pvc"].map(children))).flat();
      const strangers = owned.filter((child) => child.metadata.ownerReferences?.[0]?.uid !== metadata.uid);
      expect(strangers.map((child) => `${child.kind} ${child.metadata.name}`)).toEqual([]);
    },
    3 * MINUTE_MS,
  );
}
