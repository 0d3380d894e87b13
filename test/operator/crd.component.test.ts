import { readdirSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { AAA_CLUSTER } from "../../operator/src/api/aaacluster.ts";
import type { Schema } from "../../operator/src/api/openapi.ts";
import { Invalid, type KubeObject, pathOf } from "../../operator/src/kube/index.ts";
import { FaultProxy } from "../fault/proxy.ts";
import { MERGE } from "./kubernetes.ts";
import { Stage } from "./stage.ts";
import type { TestCluster } from "./test-cluster.ts";

const SAMPLES = new URL("../../samples/", import.meta.url);
const MINUTE_MS = 60_000;
const PATHS: Readonly<Record<string, string>> = {
  AaaCluster: pathOf(AAA_CLUSTER, { namespace: "default" }),
  Secret: "/api/v1/namespaces/default/secrets",
  Namespace: "/api/v1/namespaces",
};

let stage: Stage;
let cluster: TestCluster | undefined;

beforeAll(async () => {
  stage = await Stage.start();
}, MINUTE_MS);

afterEach(async () => {
  await cluster?.end();
  cluster = undefined;
});

afterAll(() => stage?.[Symbol.asyncDispose]());

const samplesIn = (folder: URL): string[] => readdirSync(folder).filter((name) => name.endsWith(".yaml"));

/** Asks the API server, as kubectl does, to make all objects of a file without making them. */
async function tryOut(text: string): Promise<void> {
  for (const document of parseAllDocuments(text)) {
    const { metadata, ...object } = document.toJS() as KubeObject;
    const body = { ...object, metadata: { ...metadata, ...(metadata.namespace && { namespace: "default" }) } };
    const query = { dryRun: "All", fieldValidation: "Strict" };
    await stage.client.request("POST", PATHS[object.kind] ?? object.kind, { query, body });
  }
}

test.each(samplesIn(SAMPLES))("samples/%s is taken", async (file) => {
  await tryOut(readFileSync(new URL(file, SAMPLES), "utf8"));
});

// Every sample in samples/invalid/ begins with what the API server must say about it.
test.each(samplesIn(new URL("invalid/", SAMPLES)))(
  "samples/invalid/%s is refused with a message that says what to write",
  async (file) => {
    const sample = readFileSync(new URL(`invalid/${file}`, SAMPLES), "utf8");
    const message = sample.slice("# ".length, sample.indexOf("\n"));
    await expect(tryOut(sample)).rejects.toThrow(message);
  },
);

test("a spec that says nothing gets all defaults", async () => {
  cluster = await stage.newCluster({});
  const { spec } = await cluster.get();
  const volume = { size: "2Gi" };
  const gateway = {
    mode: "Service",
    replicas: 2,
    service: { type: "ClusterIP" },
    resources: { requests: { cpu: "20m", memory: "48Mi" } },
  };
  const scheduling = { spread: "Preferred" };
  const database = { storage: volume, resources: { requests: { cpu: "50m", memory: "64Mi" } } };
  const resources = { requests: { cpu: "50m", memory: "96Mi" } };
  expect(spec).toEqual({
    paused: false,
    broker: {
      replicas: 3,
      storage: volume,
      resources: { requests: { cpu: "100m", memory: "256Mi" } },
      scheduling,
      queue: { maxLength: 1_000_000, maxLengthBytes: 268_435_456, deliveryLimit: 1000, expiresAfterSeconds: 604_800 },
      gateway,
    },
    oss: { replicas: 2, exchange: "oss_exchange", resources, scheduling, database, gateway },
    nodes: { replicas: 2, resources, scheduling, database, maxLagSeconds: 30, staleReads: "Serve", gateway },
  });
});

const FIXED_VOLUME =
  "volumes cannot be changed once they are made: write the old value again, or make a new AaaCluster";
const FEWER_BROKERS =
  "brokers cannot be taken away, their queues would lose the majority: write the old number or more";
const OTHER_DATABASE = "all that was provisioned would stay in the old database: keep externalSecretName as it was";
const RENAMED = "the exchange cannot be renamed: write the old name again, or make a new AaaCluster";

test.each([
  ["a smaller volume of the broker", {}, { broker: { storage: { size: "1Gi" } } }, FIXED_VOLUME],
  ["a larger volume of the broker", {}, { broker: { storage: { size: "4Gi" } } }, FIXED_VOLUME],
  ["another class of the broker's volume", {}, { broker: { storage: { storageClassName: "fast" } } }, FIXED_VOLUME],
  ["a smaller volume of OSS", {}, { oss: { database: { storage: { size: "1Gi" } } } }, FIXED_VOLUME],
  ["a smaller volume of the AAA nodes", {}, { nodes: { database: { storage: { size: "1Gi" } } } }, FIXED_VOLUME],
  [
    "the default in place of a volume that was written",
    { broker: { storage: { size: "5Gi" } } },
    { broker: { storage: null } },
    FIXED_VOLUME,
  ],
  ["another exchange", {}, { oss: { exchange: "other" } }, RENAMED],
  [
    "the default in place of an exchange that was written",
    { oss: { exchange: "ours" } },
    { oss: { exchange: null } },
    RENAMED,
  ],
  ["fewer brokers", {}, { broker: { replicas: 1 } }, FEWER_BROKERS],
  ["the default in place of more brokers", { broker: { replicas: 5 } }, { broker: null }, FEWER_BROKERS],
  [
    "an external database in place of the built one",
    {},
    { oss: { database: { externalSecretName: "x" } } },
    OTHER_DATABASE,
  ],
  [
    "a built database in place of an external one",
    { oss: { database: { externalSecretName: "x" } } },
    { oss: { database: { externalSecretName: null } } },
    OTHER_DATABASE,
  ],
])("%s is refused", async (_, before, change, message) => {
  cluster = await stage.newCluster(before);
  const stored = await cluster.get();
  const refusal = cluster.setSpec(change);
  await expect(refusal).rejects.toBeInstanceOf(Invalid);
  await expect(refusal).rejects.toThrow(message);
  expect(await cluster.get()).toEqual(stored);
});

test.each([
  [
    "an external broker, and away with it",
    [{ broker: { external: { secretName: "x" } } }, { broker: { external: null } }],
  ],
  ["TLS, and away with it", [{ broker: { tls: { secretName: "x" } } }, { broker: { tls: null } }]],
  ["more of all pods", [{ broker: { replicas: 5 }, oss: { replicas: 3 }, nodes: { replicas: 50 } }]],
  ["fewer OSS and AAA pods", [{ oss: { replicas: 1 }, nodes: { replicas: 0 } }]],
  ["other images", [{ broker: { image: "a" }, oss: { image: "b", database: { image: "c" } }, nodes: { image: "d" } }]],
  [
    "the volume that it has",
    [{ broker: { storage: { size: "2Gi" } }, oss: { database: { storage: { size: "2Gi" } } } }],
  ],
  ["the exchange that it has", [{ oss: { exchange: "oss_exchange" } }]],
  [
    "the Secret of another external database",
    [{ oss: { database: { externalSecretName: "y" } } }],
    { oss: { database: { externalSecretName: "x" } } },
  ],
] as const)("%s is taken", async (_, changes, before: object = {}) => {
  cluster = await stage.newCluster(before);
  for (const change of changes) await cluster.setSpec(change);
});

interface Scale {
  readonly spec: { readonly replicas: number };
  readonly status: { readonly replicas: number; readonly selector: string };
}

test(
  "the AAA nodes can be scaled as any workload, with the selector that an autoscaler needs",
  async () => {
    cluster = await stage.newCluster({ oss: { replicas: 1 } });
    await stage.startOperator();
    await cluster.ready();
    const path = `${pathOf(AAA_CLUSTER, { namespace: cluster.namespace, name: "tv" })}/scale`;
    const scale = await stage.client.request<Scale>("GET", path);
    const selector = "app.kubernetes.io/instance=tv,app.kubernetes.io/component=aaa";
    expect(scale).toMatchObject({ spec: { replicas: 2 }, status: { replicas: 2, selector } });
    await stage.client.request("PATCH", path, { body: { spec: { replicas: 3 } }, contentType: MERGE });
    expect((await cluster.ready()).spec.nodes.replicas).toBe(3);
    const three = await stage.client.request<Scale>("GET", path);
    expect(three.status).toEqual({ replicas: 3, selector });
    await stage.client.request("PUT", path, { body: { ...three, spec: { replicas: 1 } } });
    expect(await rowOf(cluster)).toEqual([
      "tv",
      "True",
      "3/3",
      "1/1",
      `tv-aaa-gateway.${cluster.namespace}.svc:6060`,
      "AsWanted",
    ]);
  },
  MINUTE_MS,
);

/** What `kubectl get -o wide` shows of a cluster that is ready, but for its age. */
async function rowOf(cluster: TestCluster): Promise<unknown[]> {
  await cluster.ready();
  await using proxy = await FaultProxy.start(stage.server.config());
  const url = proxy.url + pathOf(AAA_CLUSTER, { namespace: cluster.namespace });
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const table = (await (await fetch(url, { headers: { accept } })).json()) as Table;
  const columns = table.columnDefinitions.map(({ name }) => name);
  expect(columns).toEqual(["Name", "Ready", "Broker", "Nodes", "AAA", "Age", "Reason"]);
  expect(table.columnDefinitions.filter(({ priority }) => priority > 0).map(({ name }) => name)).toEqual(["Reason"]);
  return (table.rows[0]?.cells ?? []).filter((_, index) => columns[index] !== "Age");
}

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

interface OpenApi {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

test("kubectl explain has something to say about every field", async () => {
  const { components } = await stage.client.request<OpenApi>("GET", "/openapi/v3/apis/aaacluster.io/v1alpha1");
  const schema = Object.entries(components.schemas).find(([name]) => name.endsWith(".AaaCluster"))?.[1] ?? {};
  const fields: string[] = [];
  const walk = (path: string, { description, properties = {}, items }: Schema): void => {
    fields.push(`${path} ${description === undefined || description === "" ? "lacks a description" : "is described"}`);
    for (const [name, field] of Object.entries(properties)) walk(`${path}.${name}`, field);
    if (items?.properties !== undefined) walk(`${path}[]`, items);
  };
  walk("aaacluster", schema);
  expect(fields.filter((field) => field.endsWith("lacks a description"))).toEqual([]);
  expect(fields).toContain("aaacluster.spec.broker.storage.size is described");
  expect(fields.length).toBeGreaterThan(150);
});
