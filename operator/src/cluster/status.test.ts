import { expect, test } from "@jest/globals";
import Value from "typebox/value";
import { Status } from "../api/status.ts";
import { judge, judgeInvalid } from "./conditions.ts";
import { statusOf } from "./status.ts";
import { aCluster, allIsWell, anAaaCluster } from "./testing/fixtures.ts";

const about = { object: anAaaCluster(), operatorVersion: "test", now: new Date("2026-01-31T00:00:00Z") };
const seen = (observed = allIsWell()) =>
  statusOf({
    ...about,
    observed,
    verdicts: judge({ cluster: aCluster(), observed, failures: [], secretProblems: [] }),
  });

test("the status holds what was observed, in the form the CRD allows", () => {
  const status = seen();
  expect(Value.Check(Status, status)).toBe(true);
  expect(status).toMatchObject({ observedGeneration: 3, broker: { ready: "3/3" }, nodes: { ready: "2/2" } });
  expect(status.partitions).toHaveLength(2);
});

// The API server drops a list that server-side apply makes empty, so it may be neither sent nor required.
test("without AAA nodes the status has no partitions, and the CRD allows that", () => {
  const status = seen(allIsWell({ nodeReports: [] }));
  expect(status).not.toHaveProperty("partitions");
  expect(Value.Check(Status, status)).toBe(true);
});

test("the first status of a spec that cannot be built is one the CRD allows", () => {
  const status = statusOf({ ...about, verdicts: judgeInvalid("write something else") });
  expect(Value.Check(Status, status)).toBe(true);
  expect(status.conditions[0]).toMatchObject({ type: "Ready", status: "False", message: "write something else" });
});
