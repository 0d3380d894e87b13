import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { pino } from "pino";
import { addFinalizer, removeFinalizer } from "../../operator/src/kube/apply/finalizers.ts";
import { KubeClient } from "../../operator/src/kube/client/client.ts";
import { Invalid, NotFound } from "../../operator/src/kube/client/errors.ts";
import { EventRecorder, type EventRecorderOptions } from "../../operator/src/kube/events/events.ts";
import { type KubeObject, pathOf, type Resource } from "../../operator/src/kube/objects.ts";
import { builtTool } from "../cluster/tools.ts";
import { run } from "../lib/run.ts";
import { until } from "../lib/until.ts";
import { type ApiServer, startApiServer } from "../services/api-server.ts";
import { define } from "./custom-resource.ts";

const TIMEOUT_MS = 60_000;
const DEADLINE = { deadlineMs: 20_000, intervalMs: 50 };
const CONFIG_MAP: Resource = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
const NAMESPACE: Resource = { group: "", version: "v1", kind: "Namespace", plural: "namespaces" };
const WIDGET: Resource = { group: "example.com", version: "v1", kind: "Widget", plural: "widgets" };
const OURS = "example.com/ours";
const STARTED = { type: "Normal", reason: "Started", action: "Starting", note: "started it" } as const;

let server: ApiServer;
let client: KubeClient;
let names = 0;

beforeAll(async () => {
  server = await startApiServer();
  client = new KubeClient(server.config());
}, TIMEOUT_MS);

afterAll(() => server.stop(), TIMEOUT_MS);

/** An Event with the fields that the tests read, in the words of events.k8s.io/v1 and of the core. */
interface SeenEvent extends KubeObject {
  readonly regarding?: { readonly uid: string };
  readonly involvedObject?: { readonly uid: string };
  readonly reason: string;
  readonly note?: string;
  readonly message?: string;
  readonly series?: { readonly count: number };
}

function recorderOf(warnings: unknown[] = [], options: Partial<EventRecorderOptions> = {}): EventRecorder {
  const log = pino({ level: "warn" }, { write: (line) => warnings.push(JSON.parse(line)) });
  return new EventRecorder({
    client,
    reportingController: "example.com/controller",
    reportingInstance: "test",
    log,
    ...options,
  });
}

const pathTo = (resource: Resource, object: KubeObject) => pathOf(resource, object.metadata);

function create(resource: Resource, finalizers: readonly string[] = [], name = `test-${++names}`): Promise<KubeObject> {
  const where = resource === NAMESPACE ? {} : { namespace: "default" };
  const apiVersion = resource === WIDGET ? "example.com/v1" : "v1";
  const body = { apiVersion, kind: resource.kind, metadata: { name, ...where, finalizers } };
  return client.request<KubeObject>("POST", pathOf(resource, where), { body });
}

async function remove(resource: Resource, object: KubeObject): Promise<void> {
  await client.request("DELETE", pathTo(resource, object));
}

async function finalizersOf(resource: Resource, object: KubeObject): Promise<readonly string[]> {
  const { metadata } = await client.request<KubeObject>("GET", pathTo(resource, object));
  return metadata.finalizers ?? [];
}

async function eventsAbout({ metadata }: KubeObject, api = "/apis/events.k8s.io/v1"): Promise<SeenEvent[]> {
  const { namespace = "default", uid } = metadata;
  const { items } = await client.request<{ items: SeenEvent[] }>("GET", `${api}/namespaces/${namespace}/events`);
  return items.filter(({ regarding, involvedObject }) => (regarding ?? involvedObject)?.uid === uid);
}

test("an event and its repeats are one Event in both APIs, and kubectl shows how often it happened", async () => {
  const object = await create(CONFIG_MAP);
  const recorder = recorderOf();
  for (let count = 0; count < 5; count++) recorder.record(object, { ...STARTED, related: object });
  await recorder.flush();

  expect(await eventsAbout(object)).toMatchObject([{ ...STARTED, series: { count: 5 } }]);
  expect(await eventsAbout(object, "/api/v1")).toMatchObject([
    {
      message: "started it",
      reportingComponent: "example.com/controller",
      involvedObject: { kind: "ConfigMap", name: object.metadata.name },
      series: { count: 5 },
    },
  ]);
  const kubectl = join(await builtTool("kubernetes"), "kubectl");
  const flags = [`--kubeconfig=${server.kubeconfig}`, "--namespace=default"];
  const shown = await run(kubectl, [...flags, "get", "events"]);
  expect(shown).toMatch(new RegExp(`Normal +Started +configmap/${object.metadata.name} +started it`));
  const described = await run(kubectl, [...flags, "describe", "configmap", object.metadata.name]);
  expect(described).toMatch(/Normal +Started +.*\(x5 over .*started it/);
});

test("an Event that somebody deleted is followed by a new one that counts from there", async () => {
  const object = await create(CONFIG_MAP);
  const recorder = recorderOf();
  for (let count = 0; count < 2; count++) recorder.record(object, STARTED);
  await recorder.flush();
  const [event] = await eventsAbout(object);
  await client.request("DELETE", `/apis/events.k8s.io/v1/namespaces/default/events/${event?.metadata.name}`);
  for (let count = 0; count < 3; count++) recorder.record(object, STARTED);
  await recorder.flush();
  expect(await eventsAbout(object)).toMatchObject([{ series: { count: 3 } }]);
});

test("events about objects without a namespace, and with names that no Event may have, are taken", async () => {
  const namespace = await create(NAMESPACE);
  const warnings: unknown[] = [];
  const recorder = recorderOf(warnings);
  recorder.record(namespace, { ...STARTED, note: "€".repeat(2000) });
  const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "System:.-x-" } };
  const uid = "of-a-role";
  recorder.record({ ...role, metadata: { ...role.metadata, namespace: "default", uid } }, STARTED);
  await recorder.flush();
  expect(warnings).toEqual([]);
  expect((await eventsAbout(namespace)).length).toBe(1);
  expect((await eventsAbout({ ...role, metadata: { ...role.metadata, uid } })).length).toBe(1);
});

test("what the API server does not take is reported and harms nobody", async () => {
  const object = await create(CONFIG_MAP);
  const invalid: [Partial<EventRecorderOptions>, object][] = [
    [{}, { reason: "R".repeat(129) }],
    [{}, { action: "" }],
    [{}, { type: "Bad" }],
    [{ reportingController: "not/a/name" }, {}],
  ];
  for (const [options, input] of invalid) {
    const warnings: unknown[] = [];
    const recorder = recorderOf(warnings, options);
    recorder.record(object, { ...STARTED, ...input });
    await recorder.flush();
    expect(warnings).toMatchObject([{ msg: "Gave up writing an Event", err: { type: "Invalid" } }]);
  }
  expect(await eventsAbout(object)).toEqual([]);
});

test("events in a namespace that is going away are given up quietly", async () => {
  const namespace = await create(NAMESPACE);
  await remove(NAMESPACE, namespace);
  const { name } = namespace.metadata;
  const warnings: unknown[] = [];
  const recorder = recorderOf(warnings);
  const metadata = { name: "one", namespace: name, uid: "u1" };
  recorder.record({ apiVersion: "v1", kind: "ConfigMap", metadata }, STARTED);
  await recorder.flush();
  const { status } = await client.request<{ status: { phase: string } }>("GET", pathTo(NAMESPACE, namespace));
  expect(status.phase).toBe("Terminating");
  expect(warnings).toEqual([]);
});

test(
  "an event that is recorded while the API server is down arrives when it is back",
  async () => {
    const object = await create(CONFIG_MAP);
    const recorder = recorderOf([], { limits: { attempts: 100, backoff: { firstMs: 100, longestMs: 500 } } });
    await server.down("kill");
    recorder.record(object, STARTED);
    await server.start();
    await until("the event is there", async () => (await eventsAbout(object)).length === 1, DEADLINE);
  },
  TIMEOUT_MS,
);

test("finalizers survive each other when many come and go at once while somebody writes the object", async () => {
  const object = await create(CONFIG_MAP, ["example.com/first", "example.com/foreign"]);
  const path = pathTo(CONFIG_MAP, object);
  let isOver = false;
  const writing = (async () => {
    const contentType = "application/merge-patch+json";
    for (let count = 0; !isOver; count++) {
      await client.request("PATCH", path, { body: { data: { count: `${count}` } }, contentType });
    }
  })();
  const comeAndGo = async (finalizer: string): Promise<void> => {
    for (let round = 0; round < 10; round++) {
      const live = await addFinalizer(client, CONFIG_MAP, object, finalizer, "manager");
      await removeFinalizer(client, CONFIG_MAP, live, finalizer, "manager");
    }
    await addFinalizer(client, CONFIG_MAP, object, finalizer, "manager");
  };
  const ours = ["example.com/a", "example.com/b", "example.com/c"];
  await Promise.all(ours.map(comeAndGo)).finally(() => {
    isOver = true;
  });
  await writing;
  const all = ["example.com/first", "example.com/foreign", ...ours];
  expect([...(await finalizersOf(CONFIG_MAP, object))].sort()).toEqual(all.sort());
});

test("an object that is gone is not brought back", async () => {
  const object = await create(CONFIG_MAP);
  await remove(CONFIG_MAP, object);
  await expect(addFinalizer(client, CONFIG_MAP, object, OURS, "manager")).rejects.toBeInstanceOf(NotFound);
  const before = { ...object, metadata: { ...object.metadata, finalizers: [OURS] } };
  await removeFinalizer(client, CONFIG_MAP, before, OURS, "manager");
  await expect(finalizersOf(CONFIG_MAP, object)).rejects.toBeInstanceOf(NotFound);
});

test("an object that was made anew under the same name is left alone", async () => {
  const object = await create(CONFIG_MAP);
  const before = { ...object, metadata: { ...object.metadata, finalizers: [OURS] } };
  await remove(CONFIG_MAP, object);
  const other = await create(CONFIG_MAP, [OURS], object.metadata.name);
  await removeFinalizer(client, CONFIG_MAP, before, OURS, "manager");
  await expect(addFinalizer(client, CONFIG_MAP, object, OURS, "manager")).rejects.toBeInstanceOf(NotFound);
  const live = await client.request<KubeObject>("GET", pathTo(CONFIG_MAP, other));
  expect(live.metadata.resourceVersion).toBe(other.metadata.resourceVersion);
});

test("an object that is being deleted takes no new finalizer and goes with its last one", async () => {
  const object = await create(CONFIG_MAP, ["example.com/other"]);
  const live = await addFinalizer(client, CONFIG_MAP, object, OURS, "manager");
  await remove(CONFIG_MAP, object);
  await expect(addFinalizer(client, CONFIG_MAP, live, "example.com/late", "manager")).rejects.toBeInstanceOf(Invalid);
  await removeFinalizer(client, CONFIG_MAP, live, "example.com/other", "manager");
  expect(await finalizersOf(CONFIG_MAP, object)).toEqual([OURS]);
  await removeFinalizer(client, CONFIG_MAP, live, OURS, "manager");
  await expect(finalizersOf(CONFIG_MAP, object)).rejects.toBeInstanceOf(NotFound);
});

test("custom resources get and lose finalizers like everything else", async () => {
  await define(client, WIDGET);
  const object = await until("the kind is served", () => create(WIDGET), DEADLINE);
  const live = await addFinalizer(client, WIDGET, object, OURS, "manager");
  expect(await finalizersOf(WIDGET, object)).toEqual([OURS]);
  await removeFinalizer(client, WIDGET, live, OURS, "manager");
  expect(await finalizersOf(WIDGET, object)).toEqual([]);
});

test("a finalizer that somebody else has set as well is removed, where server-side apply would leave it", async () => {
  const object = await create(CONFIG_MAP, [OURS]);
  const { name, uid } = object.metadata;
  const apply = (finalizers: readonly string[]) =>
    client.request("PATCH", pathTo(CONFIG_MAP, object), {
      query: { fieldManager: "applier", force: true },
      body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name, uid, finalizers } },
      contentType: "application/apply-patch+yaml",
    });
  await apply([OURS]);
  await apply([]);
  expect(await finalizersOf(CONFIG_MAP, object)).toEqual([OURS]);
  await removeFinalizer(client, CONFIG_MAP, object, OURS, "manager");
  expect(await finalizersOf(CONFIG_MAP, object)).toEqual([]);
});
