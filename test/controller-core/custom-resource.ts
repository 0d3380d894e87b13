import type { KubeClient, Resource } from "../../operator/src/kube/index.ts";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** Defines a namespaced kind whose objects may have any fields, and a status. It is served a moment later. */
export async function define(client: KubeClient, { group, version, kind, plural }: Resource): Promise<void> {
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const body = {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, plural },
      versions: [{ name: version, served: true, storage: true, subresources: { status: {} }, schema }],
    },
  };
  await client.request("POST", DEFINITIONS, { body });
}
