import { expect, test } from "@jest/globals";
import type { Condition } from "../api/status.ts";
import { announcements } from "./announce.ts";
import type { Verdict } from "./conditions.ts";

const ready = (status: "True" | "False"): Condition => ({
  type: "Ready",
  status,
  observedGeneration: 1,
  lastTransitionTime: "2026-11-22T10:00:00Z",
  reason: "AsWanted",
  message: "",
});
const isReady: Verdict = { type: "Ready", status: "True", reason: "AsWanted", message: "" };
const isNot: Verdict = { type: "Ready", status: "False", reason: "PartsNotReady", message: "BrokerReady: no" };
const isInvalid: Verdict = { type: "Ready", status: "False", reason: "InvalidSpec", message: "spec.x: y" };
const failed: Verdict = { type: "Reconciling", status: "True", reason: "ApplyFailed", message: "Service x exists" };

test.each<[string, readonly Condition[], Verdict, string | undefined]>([
  ["became ready", [ready("False")], isReady, "Normal Ready: All parts are ready"],
  ["stays ready", [ready("True")], isReady, undefined],
  ["ceased to be ready", [ready("True")], isNot, "Warning PartsNotReady: BrokerReady: no"],
  ["is new and not ready yet", [], isNot, undefined],
  ["is new and cannot be built", [], isInvalid, "Warning InvalidSpec: spec.x: y"],
  ["could not be written", [ready("True")], failed, "Warning ApplyFailed: Service x exists"],
])("what is said of a cluster that %s", (_, before, verdict, said) => {
  const events = announcements(before, [verdict]).map(({ type, reason, note }) => `${type} ${reason}: ${note}`);
  expect(events).toEqual(said === undefined ? [] : [said]);
});
