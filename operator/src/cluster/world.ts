import type { V1Deployment, V1Pod, V1Service, V1StatefulSet } from "@kubernetes/client-node";
import { AAA_CLUSTER, type AaaCluster } from "../api/aaacluster.ts";
import {
  type Cache,
  type CacheScope,
  type ControllerOptions,
  type KubeObject,
  keyOf,
  type Resource,
  specChanged,
} from "../kube/index.ts";
import { CHILD_KINDS, POD } from "./kinds.ts";
import { clusterOf, componentOf, OURS } from "./labels.ts";

/** Live objects: what the API server answers, with the library's types for the fields we read. */
export type LivePod = KubeObject & V1Pod & { metadata: KubeObject["metadata"] };
export type LiveStatefulSet = KubeObject & V1StatefulSet & { metadata: KubeObject["metadata"] };
export type LiveDeployment = KubeObject & V1Deployment & { metadata: KubeObject["metadata"] };
export type LiveService = KubeObject & V1Service & { metadata: KubeObject["metadata"] };

/** Name of the index that finds the pods of a cluster, by the cluster's key. */
const CLUSTER = "cluster";

/** Everything the operator watches: the AaaClusters, their children, and the pods of those. */
export class World {
  readonly #clusters: Cache;
  readonly #children: ReadonlyMap<Resource, Cache>;
  readonly #pods: Cache;

  /** @param cacheOf gives the cache of a kind, as a manager does */
  constructor(cacheOf: (resource: Resource, scope?: CacheScope) => Cache) {
    const ours = { labelSelector: OURS };
    this.#clusters = cacheOf(AAA_CLUSTER);
    this.#children = new Map(CHILD_KINDS.map((kind) => [kind, cacheOf(kind, ours)]));
    this.#pods = cacheOf(POD, ours);
    this.#pods.addIndex(CLUSTER, clusterOfPod);
  }

  /** What leads to a reconcile. The operator's own status updates do not. */
  get sources(): Pick<ControllerOptions, "for" | "when" | "owns" | "watches"> {
    return {
      for: this.#clusters,
      when: specChanged,
      owns: [...this.#children.values()],
      watches: [{ cache: this.#pods, keys: clusterOfPod }],
    };
  }

  /** @param key `namespace/name` */
  cluster(key: string): AaaCluster | undefined {
    return this.#clusters.get<AaaCluster>(key);
  }

  /** The live objects of each child kind that belong to a cluster. */
  childrenByKind(cluster: KubeObject): ReadonlyMap<Resource, readonly KubeObject[]> {
    return new Map(CHILD_KINDS.map((kind) => [kind, this.children(kind, cluster)]));
  }

  /** The live objects of one child kind that belong to a cluster. */
  children<T extends KubeObject>(resource: Resource, cluster: KubeObject): T[] {
    return this.#children.get(resource)?.ownedBy<T>(AAA_CLUSTER, keyOf(cluster)) ?? [];
  }

  /** The pods of one component, in the order of their names. */
  pods(cluster: KubeObject, component: string): LivePod[] {
    return this.#pods
      .byIndex<LivePod>(CLUSTER, keyOf(cluster))
      .filter(({ metadata }) => componentOf(metadata.labels) === component)
      .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name, "en", { numeric: true }));
  }
}

/** A pod's owner is a StatefulSet or a ReplicaSet; its label names the cluster. */
function clusterOfPod({ metadata }: KubeObject): readonly string[] {
  const name = clusterOf(metadata.labels);
  return name === undefined ? [] : [`${metadata.namespace}/${name}`];
}
