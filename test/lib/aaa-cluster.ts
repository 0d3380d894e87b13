import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Document, parseAllDocuments, stringify } from "yaml";
import { Box, type Report } from "../box/box.ts";
import type { Access, KubernetesObject } from "./kubectl.ts";
import { Kubectl } from "./kubectl.ts";
import { run } from "./run.ts";
import { until } from "./until.ts";

/** Where an AAA node is in the stream, as `GET /v1/partition` says it. */
export interface Partition {
  readonly name: string;
  readonly queue: string;
  readonly epoch: string;
  readonly sequence: string;
  readonly lag: number;
  readonly synced: boolean;
}

/** Where OSS is, as `GET /v1/stream` says it. */
export interface Stream {
  readonly epoch: string;
  readonly sequence: string;
  readonly published: string;
  readonly relay: string;
}

/** One line of a bulk request. */
export interface BulkLine {
  readonly entity: "Subscriber" | "Device" | "ProductOffering" | "Entitlement";
  readonly id: string;
  readonly payload: object | null;
}

/** An accounting record as OSS has it: what the box said, under the id it was told, and the node that took it. */
export interface AccountingRecord extends Report {
  readonly recordId: string;
  readonly partition: string;
}

const SAMPLE = new URL("../../samples/tv.yaml", import.meta.url);

/** An AaaCluster on a real Kubernetes, seen and used from outside it. */
export class AaaCluster {
  readonly kubectl: Kubectl;
  readonly name: string;

  constructor(access: Access, namespace: string, name = "tv") {
    this.name = name;
    this.kubectl = new Kubectl(access, namespace);
  }

  /** Applies the sample `samples/tv.yaml`, in this cluster's namespace. */
  async apply(): Promise<void> {
    await this.kubectl.apply((await this.#sample()).map(String).join("---\n"));
  }

  /** Installs the sample as a Helm chart, and returns when Helm's `--wait` does. */
  async install(timeoutSeconds: number): Promise<void> {
    const { access, namespace } = this.kubectl;
    const chart = await mkdtemp(join(tmpdir(), "aaa-chart-"));
    try {
      const templates = (await this.#sample()).filter((document) => document.get("kind") !== "Namespace");
      await mkdir(join(chart, "templates"));
      await writeFile(join(chart, "Chart.yaml"), stringify({ apiVersion: "v2", name: this.name, version: "0.0.0" }));
      await writeFile(join(chart, "templates", "sample.yaml"), templates.map(String).join("---\n"));
      const where = [`--kubeconfig=${access.kubeconfig}`, `--namespace=${namespace}`, "--create-namespace"];
      const waiting = ["--wait", `--timeout=${timeoutSeconds}s`];
      await run(access.helm, ["install", this.name, chart, ...where, ...waiting]);
    } finally {
      await rm(chart, { recursive: true });
    }
  }

  async #sample(): Promise<Document[]> {
    const documents = parseAllDocuments(await readFile(SAMPLE, "utf8"));
    const { namespace } = this.kubectl;
    for (const document of documents) {
      document.setIn(
        document.get("kind") === "Namespace" ? ["metadata", "name"] : ["metadata", "namespace"],
        namespace,
      );
    }
    return [...documents];
  }

  get(): Promise<KubernetesObject> {
    return this.kubectl.get("aaacluster", this.name);
  }

  /** Waits until the operator has seen the newest spec and says Ready. */
  async ready(deadlineMs: number): Promise<KubernetesObject> {
    return await until(
      `AaaCluster ${this.kubectl.namespace}/${this.name} is Ready`,
      async () => {
        const cluster = await this.get();
        const ready = conditionOf(cluster, "Ready");
        const isReady = ready?.status === "True" && ready.observedGeneration === cluster.metadata.generation;
        if (!isReady) throw new Error(describeConditions(cluster));
        return cluster;
      },
      { deadlineMs, intervalMs: 1000 },
    );
  }

  /** The URL of a gateway as reached from outside the cluster. */
  async gatewayUrl(gateway: "oss" | "aaa"): Promise<string> {
    const endpoint = (await this.get()).status?.endpoints?.[gateway];
    if (typeof endpoint !== "string") throw new Error(`status.endpoints.${gateway} is not set`);
    return `http://${endpoint}`;
  }

  nodes(): Promise<readonly KubernetesObject[]> {
    return this.kubectl.list("pods", `app.kubernetes.io/instance=${this.name},app.kubernetes.io/component=aaa`);
  }

  /** Where one AAA node is, asked from inside its pod: the NetworkPolicies let nobody else in but its gateway. */
  async partition(pod: string): Promise<Partition> {
    const script = `const answer = await fetch("http://localhost:6600/v1/partition");
      if (!answer.ok) throw new Error(await answer.text());
      process.stdout.write(await answer.text());`;
    const node = ["node", "--input-type=module", "--eval", script];
    return JSON.parse(await this.kubectl.run(["exec", pod, "--container=node-service", "--", ...node])) as Partition;
  }

  /** Waits until every one of `count` AAA nodes has applied all that OSS has committed; returns where they are. */
  async converged(count: number, deadlineMs: number): Promise<readonly Partition[]> {
    return await until(
      `${count} AAA nodes hold everything OSS has committed`,
      async () => {
        const { sequence } = await this.stream();
        const names = (await this.nodes()).map((pod) => pod.metadata.name);
        const partitions = await Promise.all(names.map((name) => this.partition(name)));
        const behind = partitions.filter(
          ({ synced, sequence: applied, lag }) => !synced || applied !== sequence || lag > 0,
        );
        if (partitions.length !== count || behind.length > 0) {
          throw new Error(`OSS is at ${sequence}, the nodes are at ${JSON.stringify(partitions)}`);
        }
        return partitions;
      },
      { deadlineMs, intervalMs: 1000 },
    );
  }

  async stream(): Promise<Stream> {
    return (await this.#oss("GET", "/v1/stream")) as Stream;
  }

  /** Provisions entities in one bulk request, for up to a minute. Rejects unless OSS has committed all of them. */
  async provision(lines: readonly BulkLine[]): Promise<void> {
    const body = lines.map((line) => JSON.stringify(line)).join("\n");
    const send = (): Promise<unknown> => this.#oss("POST", "/v1/bulk", { type: "application/x-ndjson", body });
    // A gateway finds a new pod of OSS a few seconds later than the operator, and answers 503 until then.
    await until("OSS takes what it is sent", () => send().then(() => true), { deadlineMs: 60_000 });
  }

  async deleteEntity(collection: string, id: string): Promise<void> {
    await this.#oss("DELETE", `/v1/${collection}/${id}`);
  }

  /** The accounting records that OSS has of one device, those that came last first; at most a page of 100. */
  async accountingRecords(deviceId: string): Promise<readonly AccountingRecord[]> {
    const page = await this.#oss("GET", `/v1/accountingRecords?deviceId=${deviceId}`);
    return (page as { records: readonly AccountingRecord[] }).records;
  }

  /** A sample subscriber's box that was admitted, for up to a minute: a gateway finds new AAA nodes late as well. */
  async admittedBox(index: number): Promise<Box> {
    const box = await this.box(index);
    await until(`box ${index} is admitted`, () => box.authenticate(), { deadlineMs: 60_000 });
    return box;
  }

  async box(index: number): Promise<Box> {
    return new Box({ gatewayUrl: await this.gatewayUrl("aaa"), ...boxIdentity(index) });
  }

  async #oss(method: string, path: string, content?: { type: string; body: string }): Promise<unknown> {
    const token = await this.kubectl.secretValue(`${this.name}-oss-api`, "token");
    const response = await fetch(`${await this.gatewayUrl("oss")}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(content ? { "content-type": content.type } : {}) },
      ...(content ? { body: content.body } : {}),
      signal: AbortSignal.timeout(120_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === "" ? null : JSON.parse(text);
  }
}

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

export function conditionOf(cluster: KubernetesObject, type: string): Condition | undefined {
  return (cluster.status?.conditions as Condition[] | undefined)?.find((condition) => condition.type === type);
}

function describeConditions(cluster: KubernetesObject): string {
  const conditions = (cluster.status?.conditions ?? []) as Condition[];
  if (conditions.length === 0) return "the operator has not written a status yet";
  return conditions.map(({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`).join("; ");
}

/** What the sample subscriber number `index` is called, and what its box knows. */
export function boxIdentity(index: number): { subscriberId: string; deviceId: string; password: string } {
  const number = String(index).padStart(4, "0");
  return { subscriberId: `subscriber-${number}`, deviceId: `stb-${number}`, password: `sample-${number}` };
}

/** Provisioning of sample subscribers `first` to `last`, each with a device and an entitlement to the basic offering. */
export function sampleSubscribers(first: number, last: number): readonly BulkLine[] {
  const validFrom = "2026-01-01T00:00:00Z";
  const lines: BulkLine[] = [
    {
      entity: "ProductOffering",
      id: "basic",
      payload: { name: "Basic", services: ["channel:news", "channel:sports"] },
    },
  ];
  for (let index = first; index <= last; index += 1) {
    const { subscriberId, deviceId, password } = boxIdentity(index);
    lines.push(
      { entity: "Subscriber", id: subscriberId, payload: { status: "active", password } },
      { entity: "Device", id: deviceId, payload: { subscriberId, status: "active" } },
      {
        entity: "Entitlement",
        id: `basic-${subscriberId}`,
        payload: { subscriberId, productOfferingId: "basic", validFrom, status: "active" },
      },
    );
  }
  return lines;
}
