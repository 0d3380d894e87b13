import { expect, test } from "@jest/globals";
import { ownerReferenceTo } from "../../../operator/src/kube/index.ts";
import { writesOf } from "./replay.ts";

const CLUSTER = { group: "example.org", version: "v1", kind: "Cluster", plural: "clusters" };
const CONFIG_MAP = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };

const cluster = (uid: string) => ({
  apiVersion: "example.org/v1",
  kind: "Cluster",
  metadata: { namespace: "tv", name: "one", uid },
  status: { phase: "Done" },
});
const child = {
  resource: CONFIG_MAP,
  object: {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      namespace: "tv",
      name: "config",
      uid: "server-set",
      resourceVersion: "7",
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { app: "one" },
      ownerReferences: [ownerReferenceTo(CLUSTER, cluster("old"))],
    },
    data: { key: "value" },
    status: {},
  },
};
const made = { clusters: [cluster("old")], children: new Map([["old", [child]]]) };

test("every child is written once, for its new owner and without what the server sets, and every status once", () => {
  expect(writesOf(CLUSTER, made, [cluster("new")])).toEqual([
    {
      path: "/api/v1/namespaces/tv/configmaps/config",
      body: {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: {
          namespace: "tv",
          name: "config",
          labels: { app: "one" },
          ownerReferences: [ownerReferenceTo(CLUSTER, cluster("new"))],
        },
        data: { key: "value" },
      },
    },
    {
      path: "/apis/example.org/v1/namespaces/tv/clusters/one/status",
      body: {
        apiVersion: "example.org/v1",
        kind: "Cluster",
        metadata: { namespace: "tv", name: "one" },
        status: { phase: "Done" },
      },
    },
  ]);
});

test("a cluster that was not created again is named", () => {
  expect(() => writesOf(CLUSTER, made, [])).toThrow("there is no cluster tv/one");
});
