import type { V1PersistentVolumeClaim, V1PodTemplateSpec } from "@kubernetes/client-node";
import {
  DEPLOYMENT,
  ENDPOINT_SLICE,
  PERSISTENT_VOLUME_CLAIM,
  POD,
  SERVICE,
  STATEFUL_SET,
} from "../../operator/src/cluster/kinds.ts";
import type { LiveDeployment, LivePod, LiveService, LiveStatefulSet } from "../../operator/src/cluster/world.ts";
import {
  hashOf,
  type KubeClient,
  type KubeObject,
  NotFound,
  pathOf,
  type Resource,
} from "../../operator/src/kube/index.ts";

export const MERGE = "application/merge-patch+json";

/** Label of a pod: a hash of the template it was made from. */
const TEMPLATE = "test/template";
/** Where a pod runs, for those who ask for its node's address. */
const HOST_IP = "192.0.2.1";
/** EndpointSlices may not have addresses of this machine. */
const ENDPOINT = "192.0.2.2";

type Workload = LiveStatefulSet | LiveDeployment;

/** Lets a pod begin to run: its address, and whether it is ready at once. */
export type StartPod = (pod: LivePod) => Promise<{ readonly address: string; readonly ready: boolean }>;

/**
 * Does by hand what controllers and kubelets do, once, in one namespace: pods, claims and EndpointSlices come and go as
 * workloads and Services say. A pod that runs already is left as the test made it.
 */
export class Kubernetes {
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #start: StartPod;

  constructor(client: KubeClient, namespace: string, start: StartPod) {
    this.#client = client;
    this.#namespace = namespace;
    this.#start = start;
  }

  async list<T extends KubeObject>(resource: Resource): Promise<T[]> {
    const path = pathOf(resource, { namespace: this.#namespace });
    const { items } = await this.#client.request<{ items: T[] }>("GET", path);
    return items;
  }

  async create(resource: Resource, body: object): Promise<void> {
    await this.#client.request("POST", pathOf(resource, { namespace: this.#namespace }), { body });
  }

  async patch<T>(resource: Resource, name: string, body: object, subresource?: string): Promise<T> {
    const where = { namespace: this.#namespace, name, ...(subresource === undefined ? {} : { subresource }) };
    return this.#client.request<T>("PATCH", pathOf(resource, where), { body, contentType: MERGE });
  }

  async remove(resource: Resource, name: string): Promise<void> {
    const path = pathOf(resource, { namespace: this.#namespace, name });
    await this.#client.request("DELETE", path, { body: { propagationPolicy: "Background" } }).catch(unlessGone);
  }

  /** Sets a pod's status, all but its address. */
  async setPod(name: string, status: object): Promise<void> {
    await this.patch(POD, name, { status }, "status");
  }

  async play(): Promise<void> {
    const pods = await this.list<LivePod>(POD);
    const workloads = [
      ...(await this.list<LiveStatefulSet>(STATEFUL_SET)).map((workload) => ({ resource: STATEFUL_SET, workload })),
      ...(await this.list<LiveDeployment>(DEPLOYMENT)).map((workload) => ({ resource: DEPLOYMENT, workload })),
    ];
    const wanted = workloads.flatMap(({ workload }) => podsOf(workload));
    const isWanted = (pod: LivePod): boolean =>
      wanted.some(({ metadata }) => metadata.name === pod.metadata.name && sameTemplate(metadata, pod.metadata));
    for (const pod of pods) if (!isWanted(pod)) await this.remove(POD, pod.metadata.name);
    // Two workloads may have one name for a while; names of real pods would differ.
    const taken = new Set(pods.filter(isWanted).map(({ metadata }) => metadata.name));
    const free = new Map(wanted.map((pod) => [pod.metadata.name, pod]));
    for (const name of taken) free.delete(name);
    await Promise.all([...free.values()].map((pod) => this.#run(pod)));
    for (const { workload } of workloads) await this.#claims(workload);
    for (const service of await this.list<LiveService>(SERVICE)) await this.#endpoints(service);
    for (const { resource, workload } of workloads) await this.#settle(resource, workload);
  }

  async #run(pod: LivePod): Promise<void> {
    const { name } = pod.metadata;
    await this.create(POD, pod);
    const { address: podIP, ready } = await this.#start(pod);
    const running = { phase: "Running", podIP, podIPs: [{ ip: podIP }], hostIP: HOST_IP };
    await this.setPod(name, { ...running, ...(ready ? READY : {}) });
  }

  async #claims({ metadata: { name: workload }, spec }: Workload): Promise<void> {
    const existing = new Set((await this.list(PERSISTENT_VOLUME_CLAIM)).map(({ metadata }) => metadata.name));
    for (const claim of claimsOf(spec)) {
      for (let ordinal = 0; ordinal < (spec?.replicas ?? 0); ordinal++) {
        const name = `${claim.metadata?.name}-${workload}-${ordinal}`;
        if (existing.has(name)) continue;
        const metadata = { name, labels: claim.metadata?.labels ?? {} };
        await this.create(PERSISTENT_VOLUME_CLAIM, { metadata, spec: claim.spec });
      }
    }
  }

  async #endpoints({ metadata: { name, labels = {} }, spec }: LiveService): Promise<void> {
    const slices = await this.list(ENDPOINT_SLICE);
    if (spec?.clusterIP === "None" || slices.some(({ metadata }) => metadata.name === name)) return;
    await this.create(ENDPOINT_SLICE, {
      metadata: { name, labels: { ...labels, "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      endpoints: [{ addresses: [ENDPOINT], conditions: { ready: true } }],
    });
  }

  async #settle(resource: Resource, { metadata, spec }: Workload): Promise<void> {
    const replicas = spec?.replicas ?? 0;
    const counts = { replicas, readyReplicas: replicas, updatedReplicas: replicas, availableReplicas: replicas };
    const status = { observedGeneration: metadata.generation, ...counts };
    await this.patch(resource, metadata.name, { status }, "status").catch(unlessGone);
  }
}

const condition = (type: string, status: "True" | "False") => ({ type, status });

/** The status of a pod that serves. */
export const READY = { conditions: [condition("Ready", "True"), condition("PodScheduled", "True")] };

/** The pods that a workload shall have, as its controller makes them. */
export function podsOf({ metadata, spec }: Workload): LivePod[] {
  const { replicas = 0, template } = spec ?? {};
  const claims = claimsOf(spec).map(({ metadata: claim }) => claim?.name ?? "");
  return Array.from({ length: replicas }, (_, ordinal) => podOf(`${metadata.name}-${ordinal}`, template, claims));
}

function podOf(name: string, template: V1PodTemplateSpec | undefined, claims: readonly string[]): LivePod {
  const annotations = { ...template?.metadata?.annotations, [TEMPLATE]: hashOf(template) };
  const metadata = { name, labels: template?.metadata?.labels ?? {}, annotations };
  const claimed = claims.map((claim) => ({
    name: claim,
    persistentVolumeClaim: { claimName: `${claim}-${name}` },
  }));
  const volumes = [...(template?.spec?.volumes ?? []), ...claimed];
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { ...template?.spec, volumes } } as LivePod;
}

const claimsOf = (spec: Workload["spec"]): readonly V1PersistentVolumeClaim[] =>
  spec !== undefined && "volumeClaimTemplates" in spec ? (spec.volumeClaimTemplates ?? []) : [];

const sameTemplate = (one: KubeObject["metadata"], other: KubeObject["metadata"]): boolean =>
  one.annotations?.[TEMPLATE] === other.annotations?.[TEMPLATE];

function unlessGone(error: unknown): void {
  if (!(error instanceof NotFound)) throw error;
}
