import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Conflict, Invalid, NotFound } from "../client/errors.ts";
import type { KubeObject } from "../objects.ts";
import { type Call, FakeApiServer, type Fault, fail, json } from "../testing/fake-api-server.ts";
import { addFinalizer, removeFinalizer } from "./finalizers.ts";

const CONFIG_MAP = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
const PATH = "/api/v1/namespaces/a/configmaps/one";
const OURS = "example.com/ours";

let server: FakeApiServer;

beforeEach(async () => {
  server = await FakeApiServer.start();
  server.fault = patched;
});

afterEach(() => server[Symbol.asyncDispose]());

interface Operation {
  readonly op: "test" | "add";
  readonly path: "/metadata/uid" | "/metadata/finalizers";
  readonly value: unknown;
}

const operationsOf = (call: Call) => call.body as unknown as readonly Operation[];

/** JSON patch as the API server does it, of the two fields that finalizers are about. */
const patched: Fault = (call, response) => {
  const live = server.objects.get(call.path);
  if (call.method !== "PATCH" || live === undefined) return false;
  const { uid, finalizers = null } = live.metadata;
  const fields = { "/metadata/uid": uid, "/metadata/finalizers": finalizers };
  const differs = ({ op, path, value }: Operation) =>
    op === "test" && JSON.stringify(fields[path]) !== JSON.stringify(value);
  const added = operationsOf(call).find(({ op }) => op === "add")?.value as string[];
  if (operationsOf(call).some(differs)) fail(response, 422, "Invalid");
  else json(response, 200, server.put(PATH, { ...live, metadata: { ...live.metadata, finalizers: added } }));
  return true;
};

function live(finalizers?: string[], more: object = {}): KubeObject {
  const metadata = { name: "one", namespace: "a", ...(finalizers === undefined ? {} : { finalizers }), ...more };
  return server.put(PATH, { apiVersion: "v1", kind: "ConfigMap", metadata }) as KubeObject;
}

const add = (object: KubeObject) => addFinalizer(server.client, CONFIG_MAP, object, OURS, "manager");
const remove = (object: KubeObject) => removeFinalizer(server.client, CONFIG_MAP, object, OURS, "manager");
const finalizers = () => server.objects.get(PATH)?.metadata.finalizers;

test("a finalizer is added beside those of others and removed without touching them", async () => {
  const object = await add(live(["x/other"]));
  expect(object.metadata.finalizers).toEqual(["x/other", OURS]);
  await remove(object);
  expect(finalizers()).toEqual(["x/other"]);
  expect(server.writes.map(({ query }) => query.get("fieldManager"))).toEqual(["manager", "manager"]);
});

test("a finalizer is added to an object that has none", async () => {
  expect((await add(live())).metadata.finalizers).toEqual([OURS]);
});

test("nothing is asked or written when there is nothing to change", async () => {
  const object = live([OURS, "x/other"]);
  expect(await add(object)).toBe(object);
  await remove(live(["x/other"]));
  await remove(live());
  expect(server.calls).toEqual([]);
});

test("what others changed since the object was read is kept", async () => {
  const stale = live(["x/one"]);
  live(["x/two", "x/three"]);
  const object = await add(stale);
  expect(object.metadata.finalizers).toEqual(["x/two", "x/three", OURS]);
  live(["x/four", OURS, "x/five"]);
  await remove(object);
  expect(finalizers()).toEqual(["x/four", "x/five"]);
});

test("others that write the rest of the object are not in the way", async () => {
  const stale = live();
  live(undefined, { labels: { new: "yes" } });
  await add(stale);
  expect(server.calls.length).toBe(1);
});

test("an object that is gone is not brought back", async () => {
  const gone = live([OURS]);
  server.put(PATH, null);
  server.fault = (call, response) => {
    if (call.method === "PATCH") fail(response, 404, "NotFound");
    return call.method === "PATCH";
  };
  await remove(gone);
  await expect(add({ ...gone, metadata: { name: "one", namespace: "a" } })).rejects.toBeInstanceOf(NotFound);
  expect(server.objects.size).toBe(0);
});

test("an object that has taken the name of another is left alone", async () => {
  const before = live([OURS]);
  const without = { ...before, metadata: { ...before.metadata, finalizers: [] } };
  live([OURS], { uid: "another" });
  await remove(before);
  await expect(add(without)).rejects.toBeInstanceOf(NotFound);
  expect(finalizers()).toEqual([OURS]);
});

test("a finalizer that the server does not want is refused at once", async () => {
  server.fault = (call, response) => {
    if (call.method === "PATCH") fail(response, 422, "Invalid");
    return call.method === "PATCH";
  };
  await expect(add(live())).rejects.toBeInstanceOf(Invalid);
  expect(server.writes.length).toBe(1);
});

test("who never gets through gives up after a while", async () => {
  server.fault = (call, response) => {
    if (call.method === "PATCH") fail(response, 409, "Conflict");
    return call.method === "PATCH";
  };
  await expect(add(live())).rejects.toBeInstanceOf(Conflict);
  expect(server.writes.length).toBe(10);
});

test("finalizers that come and go all the time do not make a sound change look invalid", async () => {
  const object = live(["x/other"]);
  let rounds = 0;
  server.fault = (call, response) => {
    if (call.method !== "PATCH" || rounds === 3) return patched(call, response);
    rounds += 1;
    live();
    patched(call, response);
    live(["x/other"]);
    return true;
  };
  expect((await add(object)).metadata.finalizers).toEqual(["x/other", OURS]);
});
