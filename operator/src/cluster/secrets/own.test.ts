import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { Applier, Foreign, type KubeObject } from "../../kube/index.ts";
import { FakeApiServer, fail } from "../../kube/testing/fake-api-server.ts";
import { stampOf } from "../stamp.ts";
import { aCluster, anAaaCluster } from "../testing/fixtures.ts";
import { derivedSecrets } from "./generate.ts";
import { ownSecrets } from "./own.ts";
import { decoded, encoded, type SecretObject, SecretStore } from "./store.ts";

const FOLDER = "/api/v1/namespaces/aaa/secrets";
const ROOT = `${FOLDER}/tv-root`;
const OSS = `${FOLDER}/tv-broker-oss`;
const STAMP = stampOf(anAaaCluster());
const ALL = ["tv-root", ...Object.keys(derivedSecrets(aCluster()))].sort();

let server: FakeApiServer;
let time: number;
let context: Parameters<typeof ownSecrets>[0];

beforeEach(async () => {
  server = await FakeApiServer.start();
  time = Date.UTC(2026, 0);
  const { client } = server;
  const applier = new Applier({
    client,
    fieldManager: "test",
    hashAnnotation: "x/hash",
    log: pino({ enabled: false }),
  });
  const now = () => new Date(time);
  context = { client, applier, secrets: new SecretStore(now), now };
});

afterEach(() => server[Symbol.asyncDispose]());

const tend = (spec = {}) => ownSecrets(context, aCluster(spec), STAMP);
const made = (): string[] => [...server.objects.keys()].map((path) => path.replace(`${FOLDER}/`, "")).sort();
const valuesAt = (path: string) => decoded(server.objects.get(path) as SecretObject);

/** A Secret that somebody has made. */
function put(
  path: string,
  values: Readonly<Record<string, string>>,
  metadata: Partial<KubeObject["metadata"]> = {},
): void {
  const name = path.slice(FOLDER.length + 1);
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "aaa", ...metadata },
    data: encoded(values),
  };
  server.put(path, secret);
}

test("Secrets that are missing are made, as the cluster's own, and known at once", async () => {
  const { own, errors } = await tend();
  expect(errors).toEqual([]);
  expect(made()).toEqual(ALL);
  expect(own).toEqual(derivedSecrets(aCluster(), valuesAt(ROOT).key, new Date(time)));
  for (const { metadata, ...secret } of server.objects.values()) {
    expect(secret).toMatchObject({ type: "Opaque" });
    expect(metadata).toMatchObject({ ownerReferences: [{ uid: "uid-of-tv" }], labels: STAMP.labels });
  }
});

test("the key of the root is told to nobody", async () => {
  expect(Object.keys((await tend()).own)).not.toContain("tv-root");
});

test("Secrets that are there are neither written nor read again for a minute", async () => {
  const { own } = await tend();
  const calls = server.calls.length;
  time += 59_999;
  expect((await tend()).own).toEqual(own);
  expect(server.calls).toHaveLength(calls);
  time += 1;
  expect((await tend()).own).toEqual(own);
  expect(server.writes).toHaveLength(ALL.length);
});

test("a Secret that was deleted comes back as it was", async () => {
  const { own } = await tend();
  server.put(OSS, null);
  time += 60_000;
  expect((await tend()).own).toEqual(own);
  expect(valuesAt(OSS)).toEqual(own["tv-broker-oss"]);
});

test("what is in a Secret of the cluster is taken as it is", async () => {
  await tend();
  const mine = server.objects.get(OSS) as SecretObject;
  server.put(OSS, { ...mine, ...{ data: encoded({ username: "oss", password: "mine" }) } });
  time += 60_000;
  expect((await tend()).own["tv-broker-oss"]).toEqual({ username: "oss", password: "mine" });
  expect(valuesAt(OSS).password).toBe("mine");
});

test("of a paused cluster nothing is made, and what is there is known", async () => {
  expect(await tend({ paused: true })).toEqual({ own: {}, errors: [] });
  expect(server.writes).toEqual([]);
  time += 60_000;
  const { own } = await tend();
  server.put(OSS, null);
  time += 60_000;
  const writes = server.writes.length;
  const paused = await tend({ paused: true });
  expect(paused.own).toEqual({ ...own, "tv-broker-oss": undefined });
  expect(server.writes).toHaveLength(writes);
});

test("a Secret of somebody else is an error that names it, is left as it is, and is not used", async () => {
  put(OSS, { username: "theirs", password: "theirs" });
  const { own, errors } = await tend();
  expect(errors.map(({ message }) => message)).toEqual([
    "Secret aaa/tv-broker-oss exists and does not belong to AaaCluster tv: delete or rename it",
  ]);
  expect(errors[0]).toBeInstanceOf(Foreign);
  expect(own["tv-broker-oss"]).toBeUndefined();
  expect(own["tv-broker-node"]).toBeDefined();
  expect(valuesAt(OSS)).toEqual({ username: "theirs", password: "theirs" });
});

test("a Secret of somebody else is not used either when it came since the last look", async () => {
  await tend({ paused: true });
  put(ROOT, { key: "theirs" });
  put(OSS, { username: "theirs", password: "theirs" });
  const { own, errors } = await tend();
  expect(errors.map(({ message }) => message)).toEqual([
    "Secret aaa/tv-root exists and does not belong to AaaCluster tv: delete or rename it",
  ]);
  expect(own).toEqual({});
});

test("a Secret of somebody else that is gone by now is made", async () => {
  put(OSS, { username: "theirs", password: "theirs" });
  await tend();
  server.put(OSS, null);
  const { own, errors } = await tend();
  expect(errors).toEqual([]);
  expect(own["tv-broker-oss"]).toEqual(valuesAt(OSS));
  expect(own["tv-broker-oss"]?.username).toBe("oss");
});

test("of a paused cluster no orphan is adopted", async () => {
  put(ROOT, { key: "kept" }, { labels: STAMP.labels });
  expect(await tend({ paused: true })).toEqual({ own: {}, errors: [] });
  expect(server.writes).toEqual([]);
});

test("without a root nothing is derived", async () => {
  put(ROOT, { key: "theirs" });
  const { own, errors } = await tend();
  expect(own).toEqual({});
  expect(errors).toHaveLength(1);
  expect(made()).toEqual(["tv-root"]);
});

test.each([{}, { key: "" }])(
  "from a root with %j nothing is derived, since anyone could tell the passwords",
  async (values) => {
    put(ROOT, values, { labels: STAMP.labels, ownerReferences: [STAMP.owner] });
    const { own, errors } = await tend();
    expect(own).toEqual({});
    expect(errors.map(({ message }) => message)).toEqual([
      "Secret aaa/tv-root lacks key: put it back from your copy, or delete the Secret",
    ]);
    expect(made()).toEqual(["tv-root"]);
  },
);

test("an orphan of the cluster is its own again, with the values that it has", async () => {
  put(ROOT, { key: "kept" }, { labels: STAMP.labels });
  const { own, errors } = await tend();
  expect(errors).toEqual([]);
  expect(server.objects.get(ROOT)?.metadata.ownerReferences).toEqual([STAMP.owner]);
  expect(valuesAt(ROOT)).toEqual({ key: "kept" });
  expect(own).toEqual(derivedSecrets(aCluster(), "kept", new Date(time)));
});

test("a Secret that cannot be made keeps no other from being made", async () => {
  const { fault } = server;
  server.fault = (call, response) => {
    if (call.method !== "POST" || call.body?.metadata.name !== "tv-broker-oss") return fault(call, response);
    fail(response, 403, "Forbidden");
    return true;
  };
  const { own, errors } = await tend();
  expect(errors).toHaveLength(1);
  expect(own["tv-broker-oss"]).toBeUndefined();
  expect(made()).toEqual(ALL.filter((name) => name !== "tv-broker-oss"));
});

test("all Secrets that were deleted at once come back as they were, the root of all others too", async () => {
  await tend();
  put(OSS, { username: "oss", password: "changed by hand" }, { labels: STAMP.labels, ownerReferences: [STAMP.owner] });
  time += 60_000;
  await tend();
  const before = new Map(made().map((name) => [name, valuesAt(`${FOLDER}/${name}`)]));
  for (const name of before.keys()) server.put(`${FOLDER}/${name}`, null);
  time += 60_000;
  expect((await tend()).errors).toEqual([]);
  expect(new Map(made().map((name) => [name, valuesAt(`${FOLDER}/${name}`)]))).toEqual(before);
});

test("an AaaCluster that is made anew gets other Secrets than the one of its name before", async () => {
  await tend();
  const { key } = valuesAt(ROOT);
  for (const path of [...server.objects.keys()]) server.put(path, null);
  time += 60_000;
  await ownSecrets(context, aCluster(), { ...STAMP, owner: { ...STAMP.owner, uid: "another" } });
  expect(valuesAt(ROOT).key).not.toBe(key);
});

test("for a new AaaCluster each Secret costs one call, and one that is there already is found nevertheless", async () => {
  put(OSS, { username: "oss", password: "there" }, { labels: STAMP.labels, ownerReferences: [STAMP.owner] });
  const { own } = await ownSecrets(context, aCluster(), STAMP, true);
  expect(own["tv-broker-oss"]).toMatchObject({ password: "there" });
  expect(server.calls.filter(({ method }) => method === "GET").map(({ path }) => path)).toEqual([OSS]);
});

const KEYS = `${FOLDER}/tv-signing-keys`;
const WEEK_MS = 7 * 86_400_000;
const kids = (): string[] => JSON.parse(valuesAt(KEYS)["jwks.json"] ?? "").keys.map(({ kid }: { kid: string }) => kid);

test("signing keys rotate by the week: written once, with the key that signs next known a week before", async () => {
  await tend();
  const [current, , next, decoy] = kids();
  const writes = server.writes.length;
  time += WEEK_MS;
  const { own } = await tend();
  expect(server.writes).toHaveLength(writes + 1);
  expect(kids()).toEqual([next, current, expect.anything(), decoy]);
  expect(own["tv-signing-keys"]).toEqual(valuesAt(KEYS));
  time += 60_000;
  await tend();
  expect(server.writes).toHaveLength(writes + 1);
});

test("while a cluster is paused its signing keys stay, and somebody's own keys always do", async () => {
  await tend();
  const before = kids();
  time += WEEK_MS;
  await tend({ paused: true });
  expect(kids()).toEqual(before);
  const mine = { "jwks.json": JSON.stringify({ keys: [{ kty: "oct", kid: "mine", k: "x", alg: "HS256" }] }) };
  put(KEYS, mine, { labels: STAMP.labels, ownerReferences: [STAMP.owner] });
  time += 60_000;
  expect((await tend()).own["tv-signing-keys"]).toEqual(mine);
  expect(valuesAt(KEYS)).toEqual(mine);
});

test("an orphan keeps its values, also when the operator has set them before", async () => {
  await tend();
  time += WEEK_MS;
  await tend();
  const { metadata, ...rest } = server.objects.get(KEYS) as SecretObject;
  const { ownerReferences: _, ...orphaned } = metadata;
  server.put(KEYS, { ...rest, metadata: orphaned });
  const before = kids();
  time += 60_000;
  expect((await tend()).errors).toEqual([]);
  expect(kids()).toEqual(before);
});
