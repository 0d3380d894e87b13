import { expect, test } from "@jest/globals";
import { requestsOf } from "./audit.ts";

const DEPLOYMENT = { apiGroup: "apps", resource: "deployments", namespace: "tv", name: "gateway" };

function lineOf(verb: string, objectRef: object | undefined, code = 200): string {
  return `${JSON.stringify({ verb, objectRef, responseStatus: { code } })}\n`;
}

test("a request that was made many times is given once", () => {
  const get = { verb: "get", group: "apps", resource: "deployments", subresource: "", namespace: "tv" };
  expect(requestsOf(lineOf("get", DEPLOYMENT).repeat(3))).toEqual([get]);
});

test("the core group, the whole cluster and the object itself are the empty name", () => {
  const [request] = requestsOf(lineOf("watch", { resource: "pods" }));
  expect(request).toEqual({ verb: "watch", group: "", resource: "pods", subresource: "", namespace: "" });
});

test("a patch that has made its object needed the right to create as well", () => {
  expect(requestsOf(lineOf("patch", DEPLOYMENT, 201)).map(({ verb }) => verb)).toEqual(["patch", "create"]);
  expect(requestsOf(lineOf("create", DEPLOYMENT, 201)).map(({ verb }) => verb)).toEqual(["create"]);
});

test("a subresource is told from its object", () => {
  const status = { ...DEPLOYMENT, subresource: "status" };
  expect(requestsOf(lineOf("patch", status))[0]).toMatchObject({ resource: "deployments", subresource: "status" });
});

test("what was forbidden, what is about no object, and a line without an end are left out", () => {
  const log = lineOf("delete", DEPLOYMENT, 403) + lineOf("get", undefined) + lineOf("get", DEPLOYMENT).trimEnd();
  expect(requestsOf(log)).toEqual([]);
});
