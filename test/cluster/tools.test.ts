import { expect, test } from "@jest/globals";
import { versionFlags } from "./tools.ts";

test("Kubernetes is told the version that its go.mod pins", () => {
  const flags = versionFlags("require (\n\tk8s.io/kubernetes v1.36.3 // indirect\n)\n");
  expect(flags).toContain("-X k8s.io/component-base/version.gitVersion=v1.36.3");
  expect(flags).toContain("-X k8s.io/component-base/version.gitMinor=36");
});

test("other programs are told nothing", () => {
  expect(versionFlags("require k8s.io/client-go v0.36.3\n")).toEqual([]);
});
