import { expect, test } from "@jest/globals";
import { hostAndPort, isOver, isReady, podProblem } from "./pods.ts";
import type { LivePod } from "./world.ts";

const pod = (status: object, metadata: object = {}): LivePod =>
  ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", ...metadata }, status }) as LivePod;
const ready = { conditions: [{ type: "Ready", status: "True" }] };

test("a pod that is ready serves, one that is terminating does not", () => {
  expect(isReady(pod(ready))).toBe(true);
  expect(isReady(pod(ready, { deletionTimestamp: "2026-11-22T00:00:00Z" }))).toBe(false);
  expect(isReady(pod({}))).toBe(false);
});

test("a pod that was evicted is over, one that has ended and cannot go away is not", () => {
  expect(isOver(pod({ phase: "Failed" }))).toBe(true);
  expect(isOver(pod({ phase: "Running" }))).toBe(false);
  expect(isOver(pod({ phase: "Succeeded" }, { deletionTimestamp: "2026-11-22T00:00:00Z" }))).toBe(false);
});

test.each([
  ["terminating", pod(ready, { deletionTimestamp: "now" }), "is terminating"],
  [
    "unschedulable",
    pod({ conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes" }] }),
    "cannot be scheduled: 0/3 nodes",
  ],
  [
    "without its image",
    pod({
      containerStatuses: [
        { name: "c", ready: false, state: { waiting: { reason: "ImagePullBackOff", message: "no such image" } } },
      ],
    }),
    "container c: ImagePullBackOff, no such image",
  ],
  [
    "crashing",
    pod({
      containerStatuses: [
        {
          name: "c",
          ready: false,
          state: { waiting: { reason: "CrashLoopBackOff" } },
          lastState: { terminated: { exitCode: 3 } },
        },
      ],
    }),
    "container c: CrashLoopBackOff, last exit code 3",
  ],
  [
    "on its way",
    pod({ containerStatuses: [{ name: "c", ready: false, state: { waiting: { reason: "ContainerCreating" } } }] }),
    "container c is not ready yet",
  ],
  ["new", pod({}), "is starting"],
])("a pod that is %s", (_, one, problem) => {
  expect(podProblem(one)).toBe(problem);
});

test("addresses are written so that a URL can hold them", () => {
  expect(hostAndPort("10.0.0.1", 80)).toBe("10.0.0.1:80");
  expect(hostAndPort("fd00::1", 80)).toBe("[fd00::1]:80");
});
