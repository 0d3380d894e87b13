import type { V1Deployment, V1EndpointSlice, V1Pod, V1Service, V1StatefulSet } from "@kubernetes/client-node";
import { AAA_CLUSTER, type AaaCluster } from "../api/aaacluster.ts";
import {
  type Cache,
  type CacheScope,
  type ControllerOptions,
  type KubeObject,
  keyOf,
  ownerKey,
  type Resource,
  specChanged,
  withoutManagedFields,
} from "../kube/index.ts";
import { CHILD_KINDS, ENDPOINT_SLICE, PERSISTENT_VOLUME_CLAIM, POD } from "./kinds.ts";
import { clusterOf, componentOf, OURS } from "./labels.ts";

/** Live objects: what the API server answers, with the library's types for the fields we read. */
export type LivePod = KubeObject & V1Pod & { metadata: KubeObject["metadata"] };
export type LiveStatefulSet = KubeObject & V1StatefulSet & { metadata: KubeObject["metadata"] };
export type LiveDeployment = KubeObject & V1Deployment & { metadata: KubeObject["metadata"] };
export type LiveService = KubeObject & V1Service & { metadata: KubeObject["metadata"] };

export type LiveEndpointSlice = KubeObject & V1EndpointSlice & { metadata: KubeObject["metadata"] };

/** Name of the index that finds what carries the name of a cluster, by the cluster's key. */
const CLUSTER = "cluster";

/** Label of an EndpointSlice: the Service that it is of. */
const SERVICE_NAME = "kubernetes.io/service-name";

/** Everything the operator watches: the AaaClusters, their children, and what Kubernetes makes of those. */
export class World {
  readonly #clusters: Cache;
  readonly #children: ReadonlyMap<Resource, Cache>;
  readonly #pods: Cache;
  readonly #claims: Cache;
  readonly #endpoints: Cache;
  /** By key of a cluster, when its children, their pods or their volume claims last changed. */
  readonly #revisions = new Map<string, number>();
  #clock = 0;

  /** @param cacheOf gives the cache of a kind, as a manager does */
  constructor(cacheOf: (resource: Resource, scope?: CacheScope) => Cache) {
    const ours = { labelSelector: OURS };
    this.#clusters = cacheOf(AAA_CLUSTER);
    this.#children = new Map(CHILD_KINDS.map((kind) => [kind, cacheOf(kind, ours)]));
    this.#pods = cacheOf(POD, { ...ours, keep: keptOfPod });
    this.#claims = cacheOf(PERSISTENT_VOLUME_CLAIM, { ...ours, keep: keptOfClaim });
    this.#endpoints = cacheOf(ENDPOINT_SLICE, { ...ours, keep: keptOfSlice });
    for (const cache of this.#labelled) cache.addIndex(CLUSTER, clusterByLabel);
    const childOf = (child: KubeObject): readonly string[] => [ownerKey(AAA_CLUSTER, child) ?? []].flat();
    for (const cache of this.#children.values()) this.#follow(cache, childOf);
    for (const cache of [this.#pods, this.#claims]) this.#follow(cache, clusterByLabel);
    this.#clusters.onChange(({ now, before }) => {
      if (now === undefined && before !== undefined) this.#revisions.delete(keyOf(before));
    });
  }

  /** What leads to a reconcile. The operator's own status updates do not. */
  get sources(): Pick<ControllerOptions, "for" | "when" | "owns" | "watches"> {
    return {
      for: this.#clusters,
      when: specChanged,
      owns: [...this.#children.values()],
      watches: this.#labelled.map((cache) => ({ cache, keys: clusterByLabel })),
    };
  }

  /** What others make for the children: it is found by its labels, since its owner is not the AaaCluster. */
  get #labelled(): readonly Cache[] {
    return [this.#pods, this.#claims, this.#endpoints];
  }

  /** @param key `namespace/name` */
  cluster(key: string): AaaCluster | undefined {
    return this.#clusters.get<AaaCluster>(key);
  }

  /** Every AaaCluster. */
  clusters(): AaaCluster[] {
    return this.#clusters.list<AaaCluster>();
  }

  /** Another number whenever a child of a cluster, or a pod or volume claim of theirs, came, changed or went. */
  revision(cluster: KubeObject): number {
    return this.#revisions.get(keyOf(cluster)) ?? 0;
  }

  /** The live objects of each child kind that belong to a cluster. */
  childrenByKind(cluster: KubeObject): ReadonlyMap<Resource, readonly KubeObject[]> {
    return new Map(CHILD_KINDS.map((kind) => [kind, this.children(kind, cluster)]));
  }

  /** The live objects of one child kind that belong to a cluster. */
  children<T extends KubeObject>(resource: Resource, cluster: KubeObject): T[] {
    return this.#children.get(resource)?.ownedBy<T>(AAA_CLUSTER, keyOf(cluster)) ?? [];
  }

  /** The volume claims of a cluster's StatefulSets. */
  claims(cluster: KubeObject): KubeObject[] {
    return this.#claims.byIndex(CLUSTER, keyOf(cluster));
  }

  /** How many endpoints of a Service are ready. */
  readyEndpoints(cluster: KubeObject, service: string): number {
    const slices = this.#endpoints.byIndex<LiveEndpointSlice>(CLUSTER, keyOf(cluster));
    return slices
      .filter(({ metadata }) => metadata.labels?.[SERVICE_NAME] === service)
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false).length;
  }

  /** The pods of one component, in the order of their names. */
  pods(cluster: KubeObject, component: string): LivePod[] {
    return this.#pods
      .byIndex<LivePod>(CLUSTER, keyOf(cluster))
      .filter(({ metadata }) => componentOf(metadata.labels) === component)
      .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name, "en", { numeric: true }));
  }

  #follow(cache: Cache, clustersOf: (object: KubeObject) => readonly string[]): void {
    cache.onChange(({ now, before }) => {
      this.#clock += 1;
      for (const object of [before, now]) {
        for (const key of object === undefined ? [] : clustersOf(object)) this.#revisions.set(key, this.#clock);
      }
    });
  }
}

/** Of what a pod shall be only the Kubernetes node is ever read, and it is most of a pod. */
function keptOfPod(pod: KubeObject): KubeObject {
  const { spec, ...rest } = withoutOwner(pod as LivePod);
  return { ...rest, ...(spec?.nodeName === undefined ? {} : { spec: { nodeName: spec.nodeName } }) };
}

const keptOfClaim = ({ apiVersion, kind, metadata }: KubeObject): KubeObject =>
  withoutManagedFields({ apiVersion, kind, metadata });

/** How many are ready is all that is asked. */
function keptOfSlice(slice: KubeObject): KubeObject {
  const { apiVersion, kind, metadata, endpoints } = withoutOwner(slice as LiveEndpointSlice);
  const kept = { endpoints: endpoints?.map(({ conditions }) => ({ conditions: { ready: conditions?.ready } })) };
  return { apiVersion, kind, metadata, ...kept };
}

/** Of whatever a child owns, the labels say to which cluster it belongs. */
function withoutOwner<T extends KubeObject>(object: T): T {
  const { ownerReferences: _, ...metadata } = object.metadata;
  return withoutManagedFields({ ...object, metadata });
}

function clusterByLabel({ metadata }: KubeObject): readonly string[] {
  const name = clusterOf(metadata.labels);
  return name === undefined ? [] : [`${metadata.namespace}/${name}`];
}
