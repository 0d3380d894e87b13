import { apiVersionOf, type KubeClient, type KubeObject, pathOf } from "../../../operator/src/kube/index.ts";
import type { Operator } from "./operators.ts";

/** What an operator reconciles. */
export interface Cluster extends KubeObject {
  readonly status?: unknown;
}

type Kind = Pick<Operator, "resource" | "spec">;

const CREATORS = 8;
const CLUSTERS_PER_NAMESPACE = 10;

/** Creates so many clusters, whose names are always the same, and their namespaces. */
export async function createClusters(client: KubeClient, { resource, spec }: Kind, clusters: number): Promise<void> {
  const namespaceOf = (index: number): string => `bench-${Math.floor(index / CLUSTERS_PER_NAMESPACE)}`;
  const all = Array.from({ length: clusters }, (_, index) => index);
  for (const name of new Set(all.map(namespaceOf))) {
    await client.request("POST", "/api/v1/namespaces", { body: { metadata: { name } } });
  }
  const indexes = all.values();
  const create = async (): Promise<void> => {
    for (const index of indexes) {
      const metadata = { name: `cluster-${index}` };
      const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, spec };
      await client.request("POST", pathOf(resource, { namespace: namespaceOf(index) }), { body });
    }
  };
  await Promise.all(Array.from({ length: CREATORS }, create));
}

/** All of them, in every namespace. */
export async function listClusters(client: KubeClient, { resource }: Kind): Promise<readonly Cluster[]> {
  const { items } = await client.request<{ items: readonly Cluster[] }>("GET", pathOf(resource));
  return items;
}
