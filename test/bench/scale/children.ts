import {
  controllerOf,
  type KubeClient,
  type KubeObject,
  pathOf,
  type Resource,
} from "../../../operator/src/kube/index.ts";

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

/** How many objects each object of a kind controls, whatever they are, by its uid. */
export async function childrenOf(client: KubeClient, owner: Resource): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const resource of await namespacedResources(client)) {
    const { items } = await client.request<{ items: readonly KubeObject[] }>("GET", pathOf(resource));
    for (const child of items) {
      const reference = controllerOf(child);
      if (reference?.kind === owner.kind) counts.set(reference.uid, (counts.get(reference.uid) ?? 0) + 1);
    }
  }
  return counts;
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
