import { expect, test } from "@jest/globals";
import { conditionOf } from "../../lib/aaa-cluster.ts";
import { until } from "../../lib/until.ts";
import { MINUTE_MS, type TheStage } from "./stage.ts";

/** What the issue allows until a fault shows in the status. */
const SHOWN_WITHIN_MS = 15_000;
const FINALIZER = JSON.stringify([{ op: "add", path: "/metadata/finalizers", value: ["example.com/stuck"] }]);
const NO_FINALIZER = JSON.stringify([{ op: "remove", path: "/metadata/finalizers" }]);

/** Faults of a real cluster: each shows as a condition that names the object and the cause, and goes when it is mended. */
export function statusIsHonest(stage: TheStage): void {
  const patch = (spec: object): Promise<string> => {
    const { tv } = stage();
    return tv.kubectl.run(["patch", "aaacluster", tv.name, "--type=merge", `--patch=${JSON.stringify({ spec })}`]);
  };

  const shows = async (type: string, message: RegExp, deadlineMs = SHOWN_WITHIN_MS): Promise<void> => {
    const { tv } = stage();
    await until(
      `${type} says ${message}`,
      async () => {
        const condition = conditionOf(await tv.get(), type);
        if (condition?.status !== "False" || !message.test(condition.message)) throw new Error(condition?.message);
        return true;
      },
      { deadlineMs },
    );
    expect(conditionOf(await tv.get(), "Ready")).toMatchObject({ status: "False" });
  };

  test(
    "a pod that is stuck terminating is named with what holds it",
    async () => {
      const { tv } = stage();
      await tv.kubectl.run(["patch", "pod", "tv-aaa-1", "--type=json", `--patch=${FINALIZER}`]);
      try {
        await tv.kubectl.run(["delete", "pod", "tv-aaa-1", "--wait=false"]);
        const hasEnded = async (): Promise<boolean> =>
          ["Succeeded", "Failed"].includes((await tv.kubectl.get("pod", "tv-aaa-1")).status.phase);
        await until("the containers of tv-aaa-1 have ended", hasEnded, { deadlineMs: 2 * MINUTE_MS });
        await shows("NodesReady", /tv-aaa-1: is terminating on node .*, held by example.com\/stuck/);
      } finally {
        await tv.kubectl.run(["patch", "pod", "tv-aaa-1", "--type=json", `--patch=${NO_FINALIZER}`]);
      }
      await tv.ready(2 * MINUTE_MS);
    },
    5 * MINUTE_MS,
  );

  test(
    "an image that cannot be pulled is named with its pod, and the node that still runs the old one goes on",
    async () => {
      const { tv } = stage();
      const image = "aaacluster.io/no-such-image:0";
      await patch({ nodes: { image } });
      await shows("NodesReady", /tv-aaa-1.*(ErrImagePull|ImagePullBackOff)/, MINUTE_MS);
      expect(conditionOf(await tv.get(), "NodesReady")?.message).toContain(image);
      const box = await tv.box(7);
      await box.authenticate();
      await patch({ nodes: { image: null } });
      // A StatefulSet does not replace a pod that never became ready (kubernetes/kubernetes#67250).
      await tv.kubectl.run(["delete", "pod", "tv-aaa-1"]);
      await tv.ready(2 * MINUTE_MS);
    },
    5 * MINUTE_MS,
  );

  test(
    "a minority of brokers is said with the pods that are missing and why",
    async () => {
      const { tv } = stage();
      const nodes = (await tv.kubectl.list("nodes")).map(({ metadata }) => metadata.name);
      await tv.kubectl.run(["cordon", ...nodes]);
      try {
        await tv.kubectl.run(["delete", "pod", "tv-broker-1", "tv-broker-2", "--grace-period=1"]);
        await shows(
          "BrokerReady",
          /1 of 3 pods of tv-broker are ready; tv-broker-1: .*; tv-broker-2: cannot be scheduled/,
        );
      } finally {
        await tv.kubectl.run(["uncordon", ...nodes]);
      }
      await tv.ready(4 * MINUTE_MS);
      await tv.converged(2, MINUTE_MS);
    },
    7 * MINUTE_MS,
  );
}
