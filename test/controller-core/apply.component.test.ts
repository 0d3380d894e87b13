import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import {
  Applier,
  Conflict,
  Foreign,
  KubeClient,
  type KubeObject,
  type Manifest,
  ownerReferenceTo,
  pathOf,
  type Resource,
  type Stamp,
} from "../../operator/src/kube/index.ts";
import { until } from "../lib/until.ts";
import { type ApiServer, startApiServer } from "../services/api-server.ts";
import { define } from "./custom-resource.ts";

const CONFIG_MAP: Resource = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
const SERVICE: Resource = { group: "", version: "v1", kind: "Service", plural: "services" };
const STATEFUL_SET: Resource = { group: "apps", version: "v1", kind: "StatefulSet", plural: "statefulsets" };
const MERGE = "application/merge-patch+json";

let server: ApiServer;
let client: KubeClient;
let applier: Applier;
let stamp: Stamp;
let namespace: string;
let writes: number;
let namespaces = 0;

beforeAll(async () => {
  server = await startApiServer();
  const onAnswer = (method: string): void => {
    if (method !== "GET") writes += 1;
  };
  client = new KubeClient(server.config(), { onAnswer });
  const log = pino({ enabled: false });
  applier = new Applier({ client, fieldManager: "ours", hashAnnotation: "example.com/applied-hash", log });
}, 60_000);

afterAll(() => server?.stop());

/** Each test has a namespace and an owner of its own. */
beforeEach(async () => {
  namespaces += 1;
  namespace = `test-${namespaces}`;
  await client.request("POST", "/api/v1/namespaces", { body: { metadata: { name: namespace } } });
  const owner = { metadata: { name: "owner" } };
  const made = await client.request<KubeObject>("POST", pathOf(CONFIG_MAP, { namespace }), { body: owner });
  stamp = { namespace, labels: { ours: "yes" }, owner: ownerReferenceTo(CONFIG_MAP, made) };
  writes = 0;
});

const live = <T>(resource: Resource, name: string): Promise<KubeObject & T> =>
  client.request("GET", pathOf(resource, { namespace, name }));

/** What the API server writes in its own way: quantities, defaults, orders, empty values. */
function awkward(): Manifest {
  const probe = { tcpSocket: { port: "amqp" }, periodSeconds: 10 };
  const resources = { requests: { cpu: "1000m", memory: "1024Mi" }, limits: { memory: "2G" } };
  const env = [
    { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: "EMPTY", value: "" },
  ];
  const container = {
    name: "main",
    image: "image:1",
    command: ["run", "--now"],
    ports: [{ name: "amqp", containerPort: 5672 }],
    env,
    resources,
    readinessProbe: probe,
    volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
  };
  const pod = { containers: [container], volumes: [{ name: "tmp", emptyDir: {} }], tolerations: [] };
  const labels = { app: "x" };
  const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "0.5Gi" } } };
  return {
    metadata: { name: "awkward" },
    spec: {
      replicas: 0,
      serviceName: "x",
      podManagementPolicy: "Parallel",
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: pod },
      volumeClaimTemplates: [{ metadata: { name: "data" }, spec: claim }],
    },
  };
}

test("what the API server wrote in its own way is as it shall be, and costs no call", async () => {
  const service = {
    metadata: { name: "x" },
    spec: { selector: { app: "x" }, ports: [{ port: 80, targetPort: "http" }] },
  };
  const made = [
    await applier.apply(STATEFUL_SET, awkward(), undefined, stamp),
    await applier.apply(SERVICE, service, undefined, stamp),
  ];
  writes = 0;
  await applier.apply(STATEFUL_SET, awkward(), made[0], stamp);
  await applier.apply(SERVICE, service, made[1], stamp);
  expect(writes).toBe(0);
});

test("fields that others set are kept, those that we no longer set go, and those that others changed are set again", async () => {
  const of = (data: Record<string, string>): Manifest => ({ metadata: { name: "shared" }, data });
  await applier.apply(CONFIG_MAP, of({ ours: "1", more: "1" }), undefined, stamp);
  const body = { metadata: { annotations: { theirs: "1" } }, data: { theirs: "1", ours: "2" } };
  const path = pathOf(CONFIG_MAP, { namespace, name: "shared" });
  const changed = await client.request<KubeObject>("PATCH", path, { body, contentType: MERGE });
  await applier.apply(CONFIG_MAP, of({ ours: "1" }), changed, stamp);
  const result = await live<{ data: object }>(CONFIG_MAP, "shared");
  expect(result.data).toEqual({ ours: "1", theirs: "1" });
  expect(result.metadata).toMatchObject({ annotations: { theirs: "1" }, labels: { ours: "yes" } });
  expect(result.metadata.ownerReferences).toEqual([stamp.owner]);
});

test("fields that no model of a client knows are written and kept", async () => {
  const thing: Resource = { group: "example.com", version: "v1", kind: "Thing", plural: "things" };
  await define(client, thing);
  const spec = { deep: [{ future: { field: null, list: [[1.5, true]] } }], big: "9007199254740993" };
  const apply = () => applier.apply(thing, { metadata: { name: "one" }, spec }, undefined, stamp);
  await until("the API server serves things", apply, { deadlineMs: 30_000 });
  expect((await live<{ spec: object }>(thing, "one")).spec).toEqual(spec);
});

test("an object of somebody else is left alone, and so is one that took the place of ours", async () => {
  const of = (name: string): Manifest => ({ metadata: { name }, data: { ours: "1" } });
  await client.request("POST", pathOf(CONFIG_MAP, { namespace }), { body: { metadata: { name: "theirs" } } });
  await expect(applier.apply(CONFIG_MAP, of("theirs"), undefined, stamp)).rejects.toBeInstanceOf(Foreign);

  const ours = await applier.apply(CONFIG_MAP, of("ours"), undefined, stamp);
  const path = pathOf(CONFIG_MAP, { namespace, name: "ours" });
  await client.request("DELETE", path);
  await client.request("POST", pathOf(CONFIG_MAP, { namespace }), { body: { metadata: { name: "ours" } } });
  const stale = { ...ours, data: {} } as KubeObject;
  await expect(applier.apply(CONFIG_MAP, of("ours"), stale, stamp)).rejects.toBeInstanceOf(Conflict);
  expect(await live(CONFIG_MAP, "ours")).not.toHaveProperty("data");
});

test("removing names the object it was decided for", async () => {
  const ours = await applier.apply(CONFIG_MAP, { metadata: { name: "ours" } }, undefined, stamp);
  const another = { ...ours, metadata: { ...ours.metadata, uid: "00000000-0000-0000-0000-000000000000" } };
  await expect(applier.remove(CONFIG_MAP, another)).rejects.toBeInstanceOf(Conflict);
  await applier.remove(CONFIG_MAP, ours);
  await applier.remove(CONFIG_MAP, ours);
  await expect(live(CONFIG_MAP, "ours")).rejects.toMatchObject({ status: 404 });
});
