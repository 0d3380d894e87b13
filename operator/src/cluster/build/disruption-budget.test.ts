import { expect, test } from "@jest/globals";
import { aCluster } from "../testing/fixtures.ts";
import { disruptionBudget } from "./disruption-budget.ts";

test.each([2, 3, 50])("of %i pods a drain may take one at a time", (replicas) => {
  expect(disruptionBudget(aCluster(), "aaa", replicas)).toMatchObject({
    metadata: { name: "tv-aaa", labels: { "app.kubernetes.io/component": "aaa" } },
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: { "app.kubernetes.io/instance": "tv", "app.kubernetes.io/component": "aaa" } },
    },
  });
});

test.each([0, 1])("of %i pods there is no budget, which would only block drains", (replicas) => {
  expect(disruptionBudget(aCluster(), "aaa", replicas)).toBeNull();
});
