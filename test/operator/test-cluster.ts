import { AAA_CLUSTER, type AaaCluster } from "../../operator/src/api/aaacluster.ts";
import type { Condition } from "../../operator/src/api/status.ts";
import { PARTS } from "../../operator/src/cluster/conditions.ts";
import { CHILD_KINDS, ENDPOINT_SLICE, SECRET } from "../../operator/src/cluster/kinds.ts";
import { componentOf } from "../../operator/src/cluster/labels.ts";
import { PORTS, partitionQueue } from "../../operator/src/cluster/names.ts";
import type { ConditionType, Reason } from "../../operator/src/cluster/reasons.ts";
import type { LivePod } from "../../operator/src/cluster/world.ts";
import {
  controllerOf,
  type KubeClient,
  type KubeObject,
  pathOf,
  type Resource,
} from "../../operator/src/kube/index.ts";
import { until } from "../lib/until.ts";
import { BrokerStandIn } from "./broker-stand-in.ts";
import { Kubernetes, type StartPod } from "./kubernetes.ts";
import type { PodHosts, ServerTls } from "./pod-hosts.ts";

/** Everything that has to come true does so within this time, on a machine that does much else too. */
export const DEADLINE = { deadlineMs: 20_000, intervalMs: 20 };

/** What an AaaCluster needs of the stage that it is on. */
export interface Surroundings {
  /** The administrator. */
  readonly client: KubeClient;
  readonly hosts: PodHosts;
  /** How many reconciles the operator has ended. */
  reconciles(): Promise<number>;
}

/** What a node or an OSS pod says of itself; undefined: it does not answer. */
type Said = object | undefined;

interface Events {
  readonly items: readonly { readonly reason: string; readonly note: string }[];
}

/** An AaaCluster on a stage, with everything that would run for it. */
export class TestCluster {
  readonly name = "tv";
  readonly namespace: string;
  readonly kubernetes: Kubernetes;
  readonly broker = new BrokerStandIn();
  /** By the name of the pod. */
  readonly said = new Map<string, Said>();
  /** The names of pods that run, and do not become ready. */
  readonly slow = new Set<string>();
  /** With it the brokers speak TLS. */
  tls: ServerTls | undefined;
  readonly #stage: Surroundings;

  constructor(stage: Surroundings, namespace: string) {
    this.#stage = stage;
    this.namespace = namespace;
    this.kubernetes = new Kubernetes(stage.client, namespace, (pod) => this.#startPod(pod));
  }

  get(): Promise<AaaCluster> {
    return this.live(AAA_CLUSTER, this.name);
  }

  live<T extends KubeObject>(resource: Resource, name: string): Promise<T> {
    return this.#stage.client.request<T>("GET", pathOf(resource, { namespace: this.namespace, name }));
  }

  async condition(type: ConditionType): Promise<Condition | undefined> {
    return conditionOf(await this.get(), type);
  }

  /** Changes the spec by a merge patch. */
  setSpec(spec: object): Promise<AaaCluster> {
    return this.kubernetes.patch(AAA_CLUSTER, this.name, { spec });
  }

  /** Lets pods of another standard into its namespace. */
  async allowPods(standard: "restricted" | "privileged"): Promise<void> {
    const body = { metadata: { labels: { "pod-security.kubernetes.io/enforce": standard } } };
    const contentType = "application/merge-patch+json";
    await this.#stage.client.request("PATCH", `/api/v1/namespaces/${this.namespace}`, { body, contentType });
  }

  /** Everything that this very AaaCluster controls, by `Kind/name`. */
  async children(): Promise<Map<string, KubeObject>> {
    const { uid } = (await this.get()).metadata;
    const kinds = [...CHILD_KINDS, SECRET];
    const lists = await Promise.all(
      kinds.map(async (kind) => ({ kind: kind.kind, objects: await this.kubernetes.list(kind) })),
    );
    return new Map(
      lists.flatMap(({ kind, objects }) =>
        objects
          .filter((object) => controllerOf(object)?.uid === uid)
          .map((object) => [`${kind}/${object.metadata.name}`, object] as const),
      ),
    );
  }

  /** The notes of the Events of a reason. */
  async eventNotes(reason: string): Promise<string[]> {
    const url = `/apis/events.k8s.io/v1/namespaces/${this.namespace}/events`;
    const { items } = await this.#stage.client.request<Events>("GET", url);
    return items.filter((event) => event.reason === reason).map(({ note }) => note);
  }

  /** Waits until the newest spec was looked at and a condition is as said. */
  async until(type: ConditionType, wanted: Partial<Condition>): Promise<Condition> {
    return until(
      `${type} of ${this.namespace} is ${JSON.stringify(wanted)}`,
      async () => {
        const cluster = await this.get();
        const found = conditionOf(cluster, type);
        const isSo = Object.entries(wanted).every(([key, value]) => found?.[key as keyof Condition] === value);
        if (isSo && found?.observedGeneration === cluster.metadata.generation) return found;
        throw new Error(JSON.stringify(found));
      },
      DEADLINE,
    );
  }

  /**
   * Lets Kubernetes do its part until the AaaCluster is ready and all of it is settled.
   * @param but what may be said of a part that is not ready
   */
  async ready(but?: Reason): Promise<AaaCluster> {
    return until(
      `${this.namespace} is ready`,
      async () => {
        await this.kubernetes.play();
        const cluster = await this.get();
        const says = (type: ConditionType): string | undefined => conditionOf(cluster, type)?.status;
        const isNew = cluster.status?.observedGeneration === cluster.metadata.generation;
        const parts = PARTS.map((type) => conditionOf(cluster, type));
        const isReady = parts.every((part) => part?.status === "True" || (part?.reason ?? "") === but);
        if (isNew && isReady && says("Reconciling") === "False") return cluster;
        await this.touch();
        throw new Error(JSON.stringify(cluster.status?.conditions));
      },
      { ...DEADLINE, intervalMs: 50 },
    );
  }

  /** An event that means nothing, so that the operator looks at what no event tells of. */
  async touch(): Promise<void> {
    const labels = { "app.kubernetes.io/managed-by": "aaa-operator", "app.kubernetes.io/instance": this.name };
    const body = { metadata: { name: "touched", labels }, addressType: "IPv4", endpoints: [] };
    const path = pathOf(ENDPOINT_SLICE, { namespace: this.namespace });
    const annotations = { touched: `${process.hrtime.bigint()}` };
    await this.kubernetes
      .patch(ENDPOINT_SLICE, "touched", { metadata: { annotations } })
      .catch(() => this.#stage.client.request("POST", path, { body }));
  }

  /** Resolves when a reconcile has ended that began after this was called. */
  async reconciled(): Promise<void> {
    // The first that ends may have begun before.
    for (let round = 0; round < 2; round++) {
      const before = await this.#stage.reconciles();
      await this.touch();
      const ended = async (): Promise<boolean> => (await this.#stage.reconciles()) > before;
      await until("a reconcile has ended", ended, { ...DEADLINE, intervalMs: 5 });
    }
  }

  /** Deletes the AaaCluster and leaves its children, as there is no garbage collector. */
  async end(): Promise<void> {
    await this.kubernetes.remove(AAA_CLUSTER, this.name);
  }

  async #startPod(pod: LivePod): ReturnType<StartPod> {
    const address = this.#stage.hosts.newAddress();
    await this.#serve(address, pod);
    return { address, ready: !this.slow.has(pod.metadata.name) };
  }

  /** Lets what listens in a pod listen. */
  async #serve(address: string, { metadata: { name, labels }, spec }: LivePod): Promise<void> {
    const { hosts } = this.#stage;
    const say = (path: string, what: object) => {
      this.said.set(name, what);
      return (_: string, asked: string) => {
        const answer = asked === path ? this.said.get(name) : undefined;
        return answer === undefined ? { status: 503 } : { status: 200, body: answer };
      };
    };
    switch (componentOf(labels)) {
      case "broker": {
        this.#join(name);
        const ports = spec?.containers[0]?.ports ?? [];
        const management = ports.find((port) => port.name === "management")?.containerPort ?? PORTS.management;
        await hosts.listen(address, management, this.broker.answer, this.tls);
        break;
      }
      case "broker-gateway":
      case "oss-gateway":
      case "aaa-gateway": {
        const ports = spec?.containers[0]?.ports ?? [];
        const health = ports.find((port) => port.name === "health")?.containerPort ?? PORTS.haproxyHealth;
        await hosts.listen(address, health, say("/v1/gateway", { servers: 2 }));
        break;
      }
      case "oss":
        await hosts.listen(address, PORTS.oss, say("/v1/relay", { relaying: name.endsWith("-0") }));
        break;
      case "aaa":
        this.#consume(name);
        await hosts.listen(address, PORTS.aaa, say("/v1/partition", { ...SYNCED, name, queue: partitionQueue(name) }));
        break;
    }
  }

  /** A broker becomes a member of the RabbitMQ cluster, and of all queues. */
  #join(pod: string): void {
    const name = `rabbit@${pod}.${this.name}-broker-nodes.${this.namespace}.svc.cluster.local`;
    const { broker } = this;
    const others = broker.members.filter((member) => member.name !== name);
    broker.members = [...others, { name, running: true }].sort((a, b) => a.name.localeCompare(b.name));
    const names = broker.members.map((member) => member.name);
    broker.queues = broker.queues.map((queue) => ({ ...queue, members: names, online: names }));
  }

  #consume(pod: string): void {
    const name = partitionQueue(pod);
    const { broker } = this;
    const names = broker.members.map((member) => member.name);
    const queue = { name, consumers: 1, members: names, online: names };
    broker.queues = [...broker.queues.filter((one) => one.name !== name), queue];
  }
}

/** What an AAA node says that has everything. */
const SYNCED = {
  epoch: "1",
  sequence: "1000",
  digest: "00000000000000a1",
  lag: 0,
  lagSeconds: 0,
  synced: true,
  consuming: true,
  behind: false,
  differs: false,
};

export function conditionOf({ status }: AaaCluster, type: ConditionType): Condition | undefined {
  return status?.conditions.find((condition) => condition.type === type);
}
