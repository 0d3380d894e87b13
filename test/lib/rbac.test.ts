import { expect, test } from "@jest/globals";
import type { AuditedRequest } from "./audit.ts";
import { unusedGrants } from "./rbac.ts";

const PODS = { apiGroups: [""], resources: ["pods", "pods/status"], verbs: ["get", "patch"] };

function request(verb: string, difference: Partial<AuditedRequest> = {}): AuditedRequest {
  return { verb, group: "", resource: "pods", subresource: "", namespace: "tv", ...difference };
}

test("every right of every rule has to be used by itself", () => {
  const requests = [request("get"), request("patch", { subresource: "status" })];
  expect(unusedGrants([{ rules: [PODS] }], requests)).toEqual([
    { group: "", resource: "pods", verb: "patch" },
    { group: "", resource: "pods/status", verb: "get" },
  ]);
});

test("the same resource of another group does not count", () => {
  const rules = [{ apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create"] }];
  expect(unusedGrants([{ rules }], [request("create", { resource: "events" })])).toHaveLength(1);
  expect(unusedGrants([{ rules }], [request("create", { group: "events.k8s.io", resource: "events" })])).toEqual([]);
});

test("a right in one namespace is not used by a request in another", () => {
  const rules = [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get"] }];
  const granted = [{ namespace: "aaa-system", rules }];
  const lease = { group: "coordination.k8s.io", resource: "leases" };
  expect(unusedGrants(granted, [request("get", lease)])).toEqual([{ ...lease, verb: "get", namespace: "aaa-system" }]);
  expect(unusedGrants(granted, [request("get", { ...lease, namespace: "aaa-system" })])).toEqual([]);
});

test("an asterisk is used by anything", () => {
  const rules = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
  expect(unusedGrants([{ rules }], [])).toHaveLength(1);
  expect(unusedGrants([{ rules }], [request("get")])).toEqual([]);
});

test("rules for URLs name no resource", () => {
  expect(unusedGrants([{ rules: [{ verbs: ["get"] }] }], [])).toEqual([]);
});
