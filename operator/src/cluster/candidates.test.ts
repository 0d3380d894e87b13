import { expect, test } from "@jest/globals";
import { troubleOf } from "./candidates.ts";
import type { LivePod } from "./world.ts";

const candidate = (keepalived: object): LivePod =>
  ({
    metadata: { name: "tv-aaa-gateway-1" },
    spec: { nodeName: "n2" },
    status: {
      containerStatuses: [
        { name: "haproxy", ready: true },
        { name: "keepalived", ready: false, ...keepalived },
      ],
    },
  }) as LivePod;
const SAID = "InterfaceMissing: no interface eth7: write one that these Kubernetes nodes have\n";
const TROUBLE = {
  reason: "InterfaceMissing",
  message: "tv-aaa-gateway-1 on node n2: no interface eth7: write one that these Kubernetes nodes have",
};

test("a candidate that gave up says why, also while it waits for its next start", () => {
  expect(troubleOf(candidate({ state: { terminated: { message: SAID } } }))).toEqual(TROUBLE);
  const lastState = { terminated: { message: SAID } };
  expect(troubleOf(candidate({ state: { waiting: { reason: "CrashLoopBackOff" } }, lastState }))).toEqual(TROUBLE);
});

test.each([
  ["is ready again", { ready: true, lastState: { terminated: { message: SAID } } }],
  ["ended without a word", { state: { terminated: {} } }],
  ["said something else", { state: { terminated: { message: "InterfaceMissingness" } } }],
  ["starts", { state: { waiting: { reason: "ContainerCreating" } } }],
])("one that %s has no trouble of which the operator knows", (_, keepalived) => {
  expect(troubleOf(candidate(keepalived))).toBeUndefined();
});

test("a pod whose containers never started has none either", () => {
  expect(troubleOf({ metadata: { name: "p" } } as LivePod)).toBeUndefined();
});
