import { expect, test } from "@jest/globals";
import { aCluster } from "../testing/fixtures.ts";
import { serviceAccount } from "./service-account.ts";

test("a component has an account of its own, which is no user of the API server", () => {
  expect(serviceAccount(aCluster(), "oss-gateway")).toEqual({
    metadata: {
      name: "tv-oss-gateway",
      labels: {
        "app.kubernetes.io/name": "aaacluster",
        "app.kubernetes.io/instance": "tv",
        "app.kubernetes.io/managed-by": "aaa-operator",
        "app.kubernetes.io/component": "oss-gateway",
      },
    },
    automountServiceAccountToken: false,
  });
});
