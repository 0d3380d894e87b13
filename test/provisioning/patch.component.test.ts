import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type Answer, Oss } from "./oss.ts";

jest.setTimeout(60_000);

let oss: Oss;

beforeAll(async () => {
  oss = await Oss.start(1);
  await oss.call("PUT", "/v1/productOfferings/basic", { name: "Basic", services: ["channel:news-1"] });
});

afterAll(() => oss?.[Symbol.asyncDispose]());

const patch = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  oss.call("PATCH", path, body, { "content-type": "application/merge-patch+json", ...headers });

const credentialOf = async (id: string): Promise<unknown> =>
  (await oss.query(`select payload -> 'credential' as credential from entities where entity_id = '${id}'`))[0];

test("a subscriber is suspended by its status alone, keeps its credential, and its event says what happened", async () => {
  await oss.call("PUT", "/v1/subscribers/alice", { password: "secret" });
  const credential = await credentialOf("alice");
  await expect(patch("/v1/subscribers/alice", { status: "suspended" })).resolves.toMatchObject({
    status: 200,
    etag: '"2"',
    body: { id: "alice", version: "2" },
  });
  expect((await oss.call("GET", "/v1/subscribers/alice")).body).toMatchObject({ status: "suspended" });
  expect(await credentialOf("alice")).toEqual(credential);
  const [event] = await oss.query("select body ->> 'eventType' as type from outbox order by sequence desc limit 1");
  expect(event).toEqual({ type: "SubscriberStateChangeEvent" });
  await patch("/v1/subscribers/alice", { password: "another" });
  expect(await credentialOf("alice")).not.toEqual(credential);
});

test("a member that is null is taken away, and members that are not named stay", async () => {
  await oss.call("PUT", "/v1/subscribers/bob", { password: "secret" });
  const payload = { subscriberId: "bob", productOfferingId: "basic", validFrom: "2026-01-01T00:00:00Z" };
  await oss.call("PUT", "/v1/entitlements/e", { ...payload, validUntil: "2026-02-01T00:00:00Z" });
  await patch("/v1/entitlements/e", { validUntil: null });
  expect((await oss.call("GET", "/v1/entitlements/e")).body).toEqual({
    id: "e",
    version: "2",
    status: "active",
    ...payload,
  });
});

test("the result is validated as a whole, and what is refused changes nothing", async () => {
  const path = "/v1/productOfferings/whole";
  await oss.call("PUT", path, { name: "Whole", services: [] });
  await expect(patch(path, { name: null })).resolves.toMatchObject({
    status: 400,
    body: { errors: ["must have name"] },
  });
  await expect(patch(path, { colour: "red" })).resolves.toMatchObject({ status: 400 });
  await expect(patch(path, { name: "x" }, { "if-match": '"9"' })).resolves.toMatchObject({ status: 412 });
  for (const body of [null, [], "x"]) {
    const answer = await patch(path, body === "x" ? '"x"' : body);
    expect(answer).toMatchObject({ status: 400, body: { detail: expect.stringContaining("JSON object") } });
  }
  await expect(oss.call("PATCH", path, { name: "x" })).resolves.toMatchObject({
    status: 415,
    body: { detail: expect.stringContaining("application/merge-patch+json") },
  });
  expect((await oss.call("GET", path)).body).toMatchObject({ version: "1", name: "Whole" });
});

test("what does not exist cannot be patched, nor what was deleted", async () => {
  await expect(patch("/v1/subscribers/nobody", { status: "suspended" })).resolves.toMatchObject({ status: 404 });
  await oss.call("PUT", "/v1/subscribers/gone", { password: "secret" });
  await oss.call("DELETE", "/v1/subscribers/gone");
  await expect(patch("/v1/subscribers/gone", { status: "suspended" })).resolves.toMatchObject({ status: 404 });
});

test("patches of different members at the same time all take effect", async () => {
  await oss.call("PUT", "/v1/subscribers/carol", { password: "secret" });
  await oss.call("PUT", "/v1/devices/box", { subscriberId: "carol" });
  for (let round = 0; round < 20; round += 1) {
    const macAddress = `00:00:00:00:00:${round.toString().padStart(2, "0")}`;
    const status = round % 2 === 0 ? "suspended" : "active";
    await Promise.all([patch("/v1/devices/box", { macAddress }), patch("/v1/devices/box", { status })]);
    expect((await oss.call("GET", "/v1/devices/box")).body).toMatchObject({ macAddress, status });
  }
});
