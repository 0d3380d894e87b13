import { expect, test } from "@jest/globals";
import type { Condition } from "../api/status.ts";
import { announcements } from "./announce.ts";
import { judgeInvalid, judgeNew, type Verdict } from "./conditions.ts";
import type { Reason } from "./reasons.ts";
import { allIsWell, anAaaCluster, wellBroker } from "./testing/fixtures.ts";

type Status = Verdict["status"];

/** A condition as the status had it. */
const had = (type: string, status: Status, observedGeneration = 3): Condition => ({
  type,
  status,
  observedGeneration,
  lastTransitionTime: "2026-11-22T10:00:00Z",
  reason: "AsWanted",
  message: "",
});
const ready = (status: Status): readonly Condition[] => [had("Ready", status)];
const verdict = (type: Verdict["type"], status: Status, reason: Reason, message = ""): Verdict[] => [
  { type, status, reason, message },
];
const isReady = verdict("Ready", "True", "AsWanted");
const isNot = verdict("Ready", "False", "PartsNotReady", "BrokerReady: no");

const differ = verdict("NodesConsistent", "False", "NodesDiffer", "another content than OSS: tv-aaa-1");

/** What is said of the cluster of generation 3. */
function said(before: readonly Condition[], verdicts: readonly Verdict[], repaired: readonly string[] = []): string[] {
  const status = { observedGeneration: 3, operatorVersion: "test", conditions: before };
  const object = { ...anAaaCluster(), ...(before.length === 0 ? {} : { status }) };
  const observed = allIsWell({ brokerReport: wellBroker({ repaired }) });
  return announcements({ object, verdicts, observed }).map(({ type, reason, action, note }) => {
    const what = action === "Reconcile" ? reason : `${reason} (${action})`;
    return `${type} ${what}: ${note}`;
  });
}

test.each<[string, readonly Condition[], readonly Verdict[], string | undefined]>([
  ["became ready", ready("False"), isReady, "Normal Ready: All parts are ready"],
  ["is looked at for the first time and ready", ready("Unknown"), isReady, "Normal Ready: All parts are ready"],
  ["stays ready", ready("True"), isReady, undefined],
  ["ceased to be ready", ready("True"), isNot, "Warning PartsNotReady: BrokerReady: no"],
  ["is new", [], judgeNew(), undefined],
  ["is new and not ready yet", ready("Unknown"), isNot, undefined],
  ["is new and cannot be built", [], judgeInvalid("spec.x: y"), "Warning InvalidSpec: spec.x: y"],
  ["was ready and can no longer be built", ready("True"), judgeInvalid("x"), "Warning InvalidSpec: x"],
  ["could not be written", [], verdict("Reconciling", "True", "ApplyFailed", "quota"), "Warning ApplyFailed: quota"],
  ["met a stranger", [], verdict("Stalled", "True", "ForeignObject", "a"), "Warning ForeignObject: a"],
  ["was refused", [], verdict("Stalled", "True", "InvalidObject", "a"), "Warning InvalidObject: a"],
  ["has nodes that differ", [], differ, "Warning NodesDiffer: another content than OSS: tv-aaa-1"],
  [
    "has nodes that began to differ",
    [had("NodesConsistent", "True")],
    differ,
    "Warning NodesDiffer: another content than OSS: tv-aaa-1",
  ],
  ["has nodes that still differ", [had("NodesConsistent", "False")], differ, undefined],
  ["is rolled out", [], verdict("Reconciling", "True", "RollingOut", "tv-oss"), undefined],
])("what is said of a cluster that %s", (_, before, verdicts, event) => {
  expect(said(before, verdicts)).toEqual(event === undefined ? [] : [event]);
});

test("a failure that stalls the cluster is said once, not for each condition that it shows in", () => {
  const verdicts = [
    ...verdict("Reconciling", "False", "ForeignObject", "a; b"),
    ...verdict("Stalled", "True", "ForeignObject", "a"),
  ];
  expect(said([], verdicts)).toEqual(["Warning ForeignObject: a"]);
});

test("all that was repaired at a broker is said in one Event", () => {
  expect(said([had("BrokerReady", "True")], [], ["exchange oss_exchange", "user node"])).toEqual([
    "Normal TopologyRepaired (RepairTopology): Put right at the broker: exchange oss_exchange, user node",
  ]);
});

test.each<[string, readonly Condition[]]>([
  ["a broker that never was ready", []],
  ["a broker that is not ready yet", [had("BrokerReady", "False")]],
  ["a broker that was ready for the spec before this one", [had("BrokerReady", "True", 2)]],
])("what is made at %s is no repair", (_, before) => {
  expect(said(before, [], ["exchange oss_exchange"])).toEqual([]);
});

test("of a broker that needed nothing, or did not answer, nothing is said", () => {
  expect(said([had("BrokerReady", "True")], [])).toEqual([]);
  const observed = allIsWell({ brokerReport: { reachable: false, message: "refused", repaired: [] } });
  expect(announcements({ object: anAaaCluster(), verdicts: [], observed })).toEqual([]);
});
