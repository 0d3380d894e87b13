import {
  controllerOf,
  type KubeClient,
  type KubeObject,
  pathOf,
  type Resource,
} from "../../../operator/src/kube/index.ts";

/** An object that a cluster controls. */
export interface Child {
  readonly resource: Resource;
  readonly object: KubeObject;
}

interface ApiResources {
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs: readonly string[];
  }[];
}

interface ApiGroups {
  readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
}

/** Nobody's, or made by Kubernetes for a child, whomever they belong to afterwards. */
const NOT_CHILDREN = new Set(["Event", "Pod", "PersistentVolumeClaim", "EndpointSlice", "ControllerRevision"]);

/**
 * What each of so many clusters controls, whatever it is, by the cluster's uid.
 * @throws Error when one cluster has less than another: then not everything was made
 */
export async function childrenOf(
  client: KubeClient,
  owner: Resource,
  clusters: number,
): Promise<ReadonlyMap<string, readonly Child[]>> {
  const found: (Child & { readonly uid: string })[] = [];
  for (const resource of await namespacedResources(client)) {
    const { items } = await client.request<{ items: readonly KubeObject[] }>("GET", pathOf(resource));
    for (const object of items) {
      const reference = controllerOf(object);
      if (reference?.kind === owner.kind) found.push({ uid: reference.uid, resource, object });
    }
  }
  const children = Map.groupBy(found, ({ uid }) => uid);
  const counts = new Set([...children.values()].map(({ length }) => length));
  if (children.size !== clusters || counts.size !== 1) {
    throw new Error(`of ${clusters} of ${owner.kind}, ${children.size} have children: ${[...counts].join(", ")}`);
  }
  return children;
}

/** Every kind of child that namespaces hold and that can be listed. */
async function namespacedResources(client: KubeClient): Promise<readonly Resource[]> {
  const { groups } = await client.request<ApiGroups>("GET", "/apis");
  const versions = ["v1", ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
  const found = await Promise.all(versions.map((version) => resourcesOf(client, version)));
  return found.flat().filter(({ kind }) => !NOT_CHILDREN.has(kind));
}

async function resourcesOf(client: KubeClient, groupVersion: string): Promise<readonly Resource[]> {
  const [version = "", group = ""] = groupVersion.split("/").reverse();
  const { resources } = await client.request<ApiResources>("GET", `/${group === "" ? "api" : "apis"}/${groupVersion}`);
  return resources
    .filter(({ name, namespaced, verbs }) => namespaced && !name.includes("/") && verbs.includes("list"))
    .map(({ name, kind }) => ({ group, version, kind, plural: name }));
}
