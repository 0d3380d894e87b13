import {
  apiVersionOf,
  type KubeObject,
  keyOf,
  ownerReferenceTo,
  pathOf,
  type Resource,
} from "../../../operator/src/kube/index.ts";
import type { Child } from "./children.ts";
import type { Cluster } from "./clusters.ts";

/** What an operator has made. */
export interface Made {
  readonly clusters: readonly Cluster[];
  /** By the uid of the cluster that they belong to. */
  readonly children: ReadonlyMap<string, readonly Child[]>;
}

/** One server-side apply. */
export interface Write {
  readonly path: string;
  readonly body: object;
}

/**
 * Pure: the writes that make all of it once more, each object by one, where clusters of the same names have other uids.
 * @param owners those clusters
 * @throws Error when one of them is not there
 */
export function writesOf(resource: Resource, { clusters, children }: Made, owners: readonly KubeObject[]): Write[] {
  const ownerOf = new Map(owners.map((owner) => [keyOf(owner), owner]));
  return clusters.flatMap((cluster) => {
    const owner = ownerOf.get(keyOf(cluster));
    if (owner === undefined) throw new Error(`there is no cluster ${keyOf(cluster)}`);
    const own = children.get(cluster.metadata.uid ?? "") ?? [];
    return [...own.map((child) => childWrite(child, resource, owner)), statusWrite(resource, cluster)];
  });
}

/** The object without what only the server may set. Its defaults and addresses stay: they are free on a new server. */
function childWrite({ resource, object }: Child, ownerResource: Resource, owner: KubeObject): Write {
  const { status: _, ...rest } = object as KubeObject & { readonly status?: unknown };
  const { name, namespace, labels, annotations } = object.metadata;
  const ownerReferences = [ownerReferenceTo(ownerResource, owner)];
  return {
    path: pathOf(resource, { namespace, name }),
    body: {
      ...rest,
      ...typeOf(resource),
      metadata: { name, namespace, labels, annotations, ownerReferences },
    },
  };
}

function statusWrite(resource: Resource, { metadata: { name, namespace }, status }: Cluster): Write {
  return {
    path: pathOf(resource, { namespace, name, subresource: "status" }),
    body: { ...typeOf(resource), metadata: { name, namespace }, status },
  };
}

/** What the items of a list do not carry. */
function typeOf(resource: Resource): Pick<KubeObject, "apiVersion" | "kind"> {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind };
}
