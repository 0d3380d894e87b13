import type { V1Deployment, V1Pod, V1Service, V1StatefulSet } from "@kubernetes/client-node";
import type { Logger } from "pino";
import type { AaaCluster } from "../api/aaacluster.ts";
import { AAA_CLUSTER } from "../api/aaacluster.ts";
import { Cache, type KubeClient, type KubeObject, keyOf, type Metrics, type Resource } from "../kube/index.ts";
import { CHILD_KINDS, POD } from "./kinds.ts";
import { clusterOf, componentOf, OURS } from "./labels.ts";

/** Live objects: what the API server answers, with the library's types for the fields we read. */
export type LivePod = KubeObject & V1Pod & { metadata: KubeObject["metadata"] };
export type LiveStatefulSet = KubeObject & V1StatefulSet & { metadata: KubeObject["metadata"] };
export type LiveDeployment = KubeObject & V1Deployment & { metadata: KubeObject["metadata"] };
export type LiveService = KubeObject & V1Service & { metadata: KubeObject["metadata"] };

interface WorldOptions {
  readonly client: KubeClient;
  readonly namespaces: readonly string[];
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Everything the operator watches: the AaaClusters, their children, and the pods of those. */
export class World {
  readonly #caches: readonly Cache[];

  constructor({ client, namespaces, metrics, log }: WorldOptions) {
    const scopes = namespaces.length === 0 ? [undefined] : namespaces;
    const watched: readonly (readonly [Resource, string | undefined])[] = [
      [AAA_CLUSTER, undefined],
      ...[...CHILD_KINDS, POD].map((resource) => [resource, OURS] as const),
    ];
    this.#caches = watched.flatMap(([resource, labelSelector]) =>
      scopes.map(
        (namespace) =>
          new Cache({
            client,
            resource,
            namespace,
            labelSelector,
            log,
            onRelist: () => metrics.relisted(resource.plural),
          }),
      ),
    );
  }

  get hasSynced(): boolean {
    return this.#caches.every((cache) => cache.hasSynced);
  }

  /** Waits until every cache has its first list. */
  async synced(): Promise<void> {
    await Promise.all(this.#caches.map((cache) => cache.synced));
  }

  /** Keeps all caches up to date until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#caches.map((cache) => cache.run(signal)));
  }

  /** Calls `enqueue` with the key of the AaaCluster that a change concerns. */
  onChange(enqueue: (key: string) => void): void {
    for (const cache of this.#caches) {
      cache.onChange((now, before) => {
        if (cache.resource === AAA_CLUSTER && !asksForSomethingElse(now, before)) return;
        const key = concernedCluster(now ?? before);
        if (key !== undefined) enqueue(key);
      });
    }
  }

  cluster(key: string): AaaCluster | undefined {
    return this.#of(AAA_CLUSTER).flatMap((cache) => cache.get<AaaCluster>(key) ?? [])[0];
  }

  /** The live objects of one kind that belong to a cluster. */
  children<T extends KubeObject>(resource: Resource, cluster: KubeObject): T[] {
    const key = keyOf(cluster);
    return this.#of(resource).flatMap((cache) => cache.list<T>((object) => concernedCluster(object) === key));
  }

  /** The pods of one component, in the order of their names. */
  pods(cluster: KubeObject, component: string): LivePod[] {
    return this.children<LivePod>(POD, cluster)
      .filter(({ metadata }) => componentOf(metadata.labels) === component)
      .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name, "en", { numeric: true }));
  }

  #of(resource: Resource): Cache[] {
    return this.#caches.filter((cache) => cache.resource === resource);
  }
}

/** The operator's own status updates must not lead to the next reconcile. */
function asksForSomethingElse(now: KubeObject | undefined, before: KubeObject | undefined): boolean {
  return (
    now?.metadata.uid !== before?.metadata.uid ||
    now?.metadata.generation !== before?.metadata.generation ||
    now?.metadata.deletionTimestamp !== before?.metadata.deletionTimestamp
  );
}

/** Children lead to their cluster by their owner; pods, whose owner is a StatefulSet or ReplicaSet, by their label. */
function concernedCluster(object: KubeObject | undefined): string | undefined {
  if (object === undefined) return undefined;
  if (object.kind === AAA_CLUSTER.kind) return keyOf(object);
  const owner = object.metadata.ownerReferences?.find(({ kind }) => kind === AAA_CLUSTER.kind)?.name;
  const name = owner ?? (object.kind === POD.kind ? clusterOf(object.metadata.labels) : undefined);
  return name === undefined ? undefined : `${object.metadata.namespace}/${name}`;
}
