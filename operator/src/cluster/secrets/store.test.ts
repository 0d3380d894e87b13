import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { FakeApiServer } from "../../kube/testing/fake-api-server.ts";
import { decoded, type SecretObject, SecretStore } from "./store.ts";

const PATH = "/api/v1/namespaces/aaa/secrets/s";
const secret = (value: string): SecretObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "s", namespace: "aaa" },
  data: { key: Buffer.from(value).toString("base64") },
});

let server: FakeApiServer;
let time: number;
let store: SecretStore;

beforeEach(async () => {
  server = await FakeApiServer.start();
  time = Date.UTC(2026, 0);
  store = new SecretStore(() => new Date(time));
});

afterEach(() => server[Symbol.asyncDispose]());

/** The value that the store has, when it may be so old. */
async function read(maxAgeMs: number): Promise<string | undefined> {
  const found = await store.read(server.client, "aaa", "s", maxAgeMs);
  return found === undefined ? undefined : decoded(found).key;
}

test("a Secret that is young enough is not read again", async () => {
  server.put(PATH, secret("old"));
  expect(await read(1_000)).toBe("old");
  server.put(PATH, secret("new"));
  time += 999;
  expect(await read(1_000)).toBe("old");
  time += 1;
  expect(await read(1_000)).toBe("new");
  expect(server.calls).toHaveLength(2);
});

test("each who asks says how old it may be", async () => {
  server.put(PATH, secret("old"));
  await read(1_000);
  server.put(PATH, secret("new"));
  time += 10;
  expect(await read(60_000)).toBe("old");
  expect(await read(0)).toBe("new");
});

test("that there is none is known as long", async () => {
  expect(await read(1_000)).toBeUndefined();
  server.put(PATH, secret("new"));
  expect(await read(1_000)).toBeUndefined();
  time += 1_000;
  expect(await read(1_000)).toBe("new");
});

test("what somebody wrote or found elsewhere is not read again", async () => {
  store.note("aaa", "s", secret("noted"));
  expect(await read(1_000)).toBe("noted");
  expect(server.calls).toEqual([]);
});

test("what the API server records of who wrote a Secret is not kept", async () => {
  const { metadata, ...rest } = secret("noted");
  store.note("aaa", "s", { ...rest, metadata: { ...metadata, ...{ managedFields: [{ manager: "x" }] } } });
  expect(store.last("aaa", "s")).toEqual(secret("noted"));
});

test("Secrets of one name in two namespaces are two", async () => {
  store.note("other", "s", secret("other"));
  expect(await read(1_000)).toBeUndefined();
});

test("a Secret without data has no values", () => {
  expect(decoded({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" } })).toEqual({});
});
