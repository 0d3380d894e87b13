import { readFile } from "node:fs/promises";
import { pino } from "pino";
import { parse } from "yaml";
import { AAA_CLUSTER, type AaaCluster } from "../../operator/src/api/aaacluster.ts";
import { addAaaClusterController } from "../../operator/src/cluster/controller.ts";
import { SETTINGS } from "../../operator/src/cluster/testing/fixtures.ts";
import { KubeClient, Manager, type Metrics, pathOf } from "../../operator/src/kube/index.ts";
import { FaultProxy } from "../fault/proxy.ts";
import { until } from "../lib/until.ts";
import { type ApiServer, startApiServer } from "../services/api-server.ts";
import { PodHosts } from "./pod-hosts.ts";
import { DEADLINE, type Surroundings, TestCluster } from "./test-cluster.ts";

const FILE = new URL("../../crds/aaaclusters.aaacluster.io.yaml", import.meta.url);
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const RECONCILES = "controller_runtime_reconcile_total";

/** An operator as main.ts runs it, in this process. */
interface RunningOperator extends AsyncDisposable {
  readonly metrics: Metrics;
}

/**
 * A real API server with our CRD, and the operator beside it, which speaks to it through a proxy that counts and may
 * fail. There are no controllers and no kubelets: `TestCluster` plays them.
 */
export class Stage implements Surroundings, AsyncDisposable {
  readonly server: ApiServer;
  /** The administrator. */
  readonly client: KubeClient;
  /** All that operators ask goes through it. */
  readonly proxy: FaultProxy;
  readonly hosts = new PodHosts();
  #later = 0;
  #namespaces = 0;
  #operator: RunningOperator | undefined;

  private constructor(server: ApiServer, proxy: FaultProxy) {
    this.server = server;
    this.proxy = proxy;
    this.client = new KubeClient(server.config());
  }

  static async start(): Promise<Stage> {
    const server = await startApiServer();
    const stage = new Stage(server, await FaultProxy.start(server.config()));
    try {
      await stage.#define();
      return stage;
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #define(): Promise<void> {
    await this.client.request("POST", DEFINITIONS, { body: parse(await readFile(FILE, "utf8")) });
    await until("the API server serves AaaClusters", () => this.client.request("GET", pathOf(AAA_CLUSTER)), DEADLINE);
  }

  /** Starts an operator, when the one before has ended. */
  async startOperator(version = "1.0.0"): Promise<void> {
    await this.stopOperator();
    const log = pino({ enabled: process.env.STAGE_LOG !== undefined });
    const config = this.server.config(this.proxy.url);
    const manager = new Manager({
      name: "aaa-operator",
      domain: "aaacluster.io",
      config,
      metricsPort: 0,
      healthPort: 0,
      log,
    });
    addAaaClusterController(manager, { ...SETTINGS, version }, () => new Date(Date.now() + this.#later));
    const stop = new AbortController();
    const running = manager.run(stop.signal);
    this.#operator = {
      metrics: manager.metrics,
      [Symbol.asyncDispose]: async () => {
        stop.abort();
        await running;
      },
    };
    await until("the operator has seen the world", () => manager.isReady, DEADLINE);
  }

  async stopOperator(): Promise<void> {
    await this.#operator?.[Symbol.asyncDispose]();
    this.#operator = undefined;
  }

  /** What operators asked since, as `GET /path`, without what caches list and watch. */
  askedSince(count: number): string[] {
    const requests = this.proxy.requests.slice(count).filter(({ query }) => !query.has("watch") && !query.has("limit"));
    return requests.map(({ method, path }) => `${method} ${path}`);
  }

  /** How often operators asked. */
  get asked(): number {
    return this.proxy.requests.length;
  }

  async reconciles(): Promise<number> {
    const { values = [] } = (await this.#operator?.metrics.registry.getSingleMetric(RECONCILES)?.get()) ?? {};
    return values.reduce((sum, { value }) => sum + value, 0);
  }

  /** Lets the operators' clock go forward, for what they read again after a while. */
  passTime(ms: number): void {
    this.#later += ms;
  }

  /** Changes the CRD: how many AAA nodes a spec may have. */
  async allowNodes(maximum: number): Promise<void> {
    const path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/nodes/properties/replicas/maximum";
    const body = [{ op: "replace", path, value: maximum }];
    const name = `${AAA_CLUSTER.plural}.${AAA_CLUSTER.group}`;
    await this.client.request("PATCH", `${DEFINITIONS}/${name}`, { body, contentType: "application/json-patch+json" });
  }

  /** A new namespace, which lets no pod in that is not restricted. */
  async newNamespace(): Promise<string> {
    this.#namespaces += 1;
    const name = `test-${this.#namespaces}`;
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await this.client.request("POST", "/api/v1/namespaces", { body: { metadata: { name, labels } } });
    return name;
  }

  /** Makes the AaaCluster `tv` in a namespace, by default a new one. */
  async newCluster(spec: object = {}, namespace?: string): Promise<TestCluster> {
    const cluster = new TestCluster(this, namespace ?? (await this.newNamespace()));
    const body = { ...AAA, metadata: { name: cluster.name }, spec };
    await this.client.request<AaaCluster>("POST", pathOf(AAA_CLUSTER, { namespace: cluster.namespace }), { body });
    return cluster;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopOperator();
    await this.hosts[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
    await this.server.stop();
  }
}

/** What every AaaCluster begins with. */
export const AAA = { apiVersion: "aaacluster.io/v1alpha1", kind: "AaaCluster" };
