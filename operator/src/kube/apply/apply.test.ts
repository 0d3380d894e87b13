import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { KubeObject } from "../objects.ts";
import { FakeApiServer, fail } from "../testing/fake-api-server.ts";
import { Applier, Foreign, Leftover } from "./apply.ts";
import { applySet } from "./apply-set.ts";

const CONFIG_MAP = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
const PATH = "/api/v1/namespaces/a/configmaps/one";
const owner = { apiVersion: "x/v1", kind: "Owner", name: "o", uid: "u1", controller: true };
const stamp = { owner, namespace: "a", labels: { ours: "yes" } };
const manifest = (data: Record<string, string>) => ({ metadata: { name: "one" }, data });

const ours = (data: Record<string, string>): KubeObject =>
  ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "one", namespace: "a", ownerReferences: [owner] },
    data,
  }) as KubeObject;

let server: FakeApiServer;
let applier: Applier;

beforeEach(async () => {
  server = await FakeApiServer.start();
  const log = pino({ enabled: false });
  applier = new Applier({ client: server.client, fieldManager: "manager", hashAnnotation: "x/hash", log });
});

afterEach(() => server[Symbol.asyncDispose]());

test("it applies with force under our field manager, with owner and labels", async () => {
  await applier.apply(CONFIG_MAP, manifest({ k: "v" }), undefined, stamp);
  const [write] = server.writes;
  expect(write).toMatchObject({ method: "PATCH", path: PATH, contentType: "application/apply-patch+yaml" });
  expect(Object.fromEntries(write?.query ?? [])).toEqual({ fieldManager: "manager", force: "true" });
  expect(write?.body).toMatchObject({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "one", namespace: "a", labels: { ours: "yes" }, ownerReferences: [owner] },
    data: { k: "v" },
  });
});

test("an object that is as it shall be costs no call at all", async () => {
  const live = await applier.apply(CONFIG_MAP, manifest({ k: "v" }), undefined, stamp);
  const calls = server.calls.length;
  await applier.apply(CONFIG_MAP, manifest({ k: "v" }), live, stamp);
  expect(server.calls.length).toBe(calls);
});

test("a value that somebody changed is set again", async () => {
  const live = await applier.apply(CONFIG_MAP, manifest({ k: "v" }), undefined, stamp);
  const changed = { ...live, data: { k: "other" } } as KubeObject;
  await applier.apply(CONFIG_MAP, manifest({ k: "v" }), changed, stamp);
  expect(server.writes.length).toBe(2);
});

test("a field that we no longer set is noticed", async () => {
  const live = await applier.apply(CONFIG_MAP, manifest({ k: "v", more: "x" }), undefined, stamp);
  await applier.apply(CONFIG_MAP, manifest({ k: "v" }), live, stamp);
  expect(server.writes.length).toBe(2);
});

test("an object of that name that is not ours is left alone, also when the cache does not know it", async () => {
  const theirs = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "one", namespace: "a" } };
  const stored = server.put(PATH, theirs);
  await expect(applier.apply(CONFIG_MAP, manifest({ k: "v" }), undefined, stamp)).rejects.toBeInstanceOf(Foreign);
  await expect(applier.apply(CONFIG_MAP, manifest({ k: "v" }), stored, stamp)).rejects.toBeInstanceOf(Foreign);
  expect(server.objects.get(PATH)).toBe(stored);
});

test("an object that is not there is made with one call", async () => {
  await applier.apply(CONFIG_MAP, manifest({ k: "v" }), undefined, stamp);
  expect(server.calls).toHaveLength(1);
});

test("an object of ours that the cache does not know yet is left as it is, or set right", async () => {
  const made = await applier.apply(CONFIG_MAP, manifest({ k: "v" }), undefined, stamp);
  await applier.apply(CONFIG_MAP, manifest({ k: "v" }), undefined, stamp);
  expect(server.objects.get(PATH)).toEqual(made);
  await applier.apply(CONFIG_MAP, manifest({ k: "other" }), undefined, stamp);
  expect(server.objects.get(PATH)).toMatchObject({ data: { k: "other" } });
});

test("an orphan with our labels is adopted, one that has a controller or other labels is not", async () => {
  const orphan = (labels: Record<string, string>, ownerReferences: KubeObject["metadata"]["ownerReferences"] = []) => {
    const object = { ...ours({ k: "v" }), metadata: { name: "one", namespace: "a", labels, ownerReferences } };
    return server.put(PATH, object) as KubeObject;
  };
  const apply = () => applier.apply(CONFIG_MAP, manifest({ k: "v" }), undefined, stamp);
  orphan({ ours: "no" });
  await expect(apply()).rejects.toBeInstanceOf(Foreign);
  orphan(stamp.labels, [{ ...owner, name: "another", uid: "another" }]);
  await expect(apply()).rejects.toBeInstanceOf(Foreign);
  orphan(stamp.labels, [{ ...owner, uid: "deleted" }]);
  await expect(apply()).rejects.toBeInstanceOf(Leftover);
  orphan(stamp.labels);
  expect((await apply()).metadata.ownerReferences).toEqual([owner]);
});

test("what is written names the object it was decided for, so that another of its name is refused", async () => {
  const live = await applier.apply(CONFIG_MAP, manifest({ k: "v" }), undefined, stamp);
  await applier.apply(CONFIG_MAP, manifest({ k: "other" }), live, stamp);
  expect(server.writes.map(({ body }) => body?.metadata.uid)).toEqual([undefined, live.metadata.uid]);
});

test("a set is made in its order, what is no longer in it goes, and what fails keeps nothing else from being done", async () => {
  const paths = () => server.writes.map(({ method, path }) => `${method} ${path.split("/").at(-1)}`);
  const set = (names: readonly string[], live: readonly KubeObject[]) =>
    applySet(applier, {
      desired: names.map((name) => ({ resource: CONFIG_MAP, manifest: { metadata: { name }, data: {} } })),
      live: new Map([[CONFIG_MAP, live]]),
      stamp,
    });
  expect(await set(["one", "two", "three"], [])).toEqual([]);
  expect(paths()).toEqual(["PATCH one", "PATCH two", "PATCH three"]);
  const live = [...server.objects.values()];
  const going = { ...live[0], metadata: { ...live[0]?.metadata, name: "going", deletionTimestamp: "now" } };
  server.fault = ({ method, path }, response) => {
    if (method !== "PATCH" || !path.endsWith("four")) return false;
    fail(response, 422, "Invalid");
    return true;
  };
  const errors = await set(["four", "five", "three"], [...live, going as KubeObject]);
  expect(errors.map(({ name }) => name)).toEqual(["Invalid"]);
  expect(paths().slice(3)).toEqual(["PATCH four", "PATCH five", "DELETE one", "DELETE two"]);
});

test("who looks again before the cache has seen our write sees what it left, until the cache shows something else", async () => {
  const cached = server.put(PATH, ours({ k: "old" })) as KubeObject & { status?: unknown };
  await applier.apply(CONFIG_MAP, manifest({ k: "v" }), cached, stamp);
  await applier.apply(CONFIG_MAP, manifest({ k: "v" }), cached, stamp);
  expect(server.writes.length).toBe(1);
  await applier.applyStatus(CONFIG_MAP, cached, { a: 1 });
  await applier.applyStatus(CONFIG_MAP, cached, { a: 1 });
  expect(server.writes.length).toBe(2);
  expect(applier.latest(cached).status).toEqual({ a: 1 });
  const changed = server.put(PATH, ours({ k: "other" })) as KubeObject;
  expect(applier.latest(changed)).toBe(changed);
  await applier.apply(CONFIG_MAP, manifest({ k: "v" }), changed, stamp);
  expect(server.writes.length).toBe(3);
});

test("kinds that are equal are the same, so that nothing is removed that was just made", async () => {
  const live = await applier.apply(CONFIG_MAP, manifest({ k: "v" }), undefined, stamp);
  const desired = [{ resource: { ...CONFIG_MAP }, manifest: manifest({ k: "v" }) }];
  await applySet(applier, { desired, live: new Map([[CONFIG_MAP, [live]]]), stamp });
  expect(server.writes.length).toBe(1);
});

test("a status that we wrote is written again when another is wanted, whatever the cache still shows", async () => {
  const cached = server.put(PATH, { ...ours({}), ...{ status: { a: 1 } } }) as KubeObject & { status?: unknown };
  await applier.applyStatus(CONFIG_MAP, cached, { a: 2 });
  const older = { ...cached, metadata: { ...cached.metadata, resourceVersion: "1" } };
  await applier.applyStatus(CONFIG_MAP, older, { a: 1 });
  expect(server.writes.map(({ body }) => body)).toMatchObject([{ status: { a: 2 } }, { status: { a: 1 } }]);
  expect(server.writes[0]?.body?.metadata.uid).toBe(cached.metadata.uid);
});

test("within a reconcile, requests end with its signal", async () => {
  server.fault = () => true;
  const stop = new AbortController();
  const log = pino({ enabled: false });
  const applying = applier.within({ signal: stop.signal, log }).apply(CONFIG_MAP, manifest({}), undefined, stamp);
  setImmediate(() => stop.abort());
  await expect(applying).rejects.toMatchObject({ name: "AbortError" });
});

test("a status is written only when it differs", async () => {
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "one", namespace: "a" },
    status: { b: 1, a: [{ x: 1 }] },
  };
  server.put(PATH, object);
  await applier.applyStatus(CONFIG_MAP, object, { a: [{ x: 1 }], b: 1 });
  expect(server.writes).toEqual([]);
  await applier.applyStatus(CONFIG_MAP, object, { a: [{ x: 2 }], b: 1 });
  expect(server.writes).toMatchObject([
    { method: "PATCH", path: `${PATH}/status`, body: { status: { a: [{ x: 2 }] } } },
  ]);
});

test("removing what is gone already is no failure", async () => {
  const gone = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "one", namespace: "a", uid: "u" } };
  await applier.remove(CONFIG_MAP, gone);
  expect(server.writes).toMatchObject([{ method: "DELETE", body: { preconditions: { uid: "u" } } }]);
});
