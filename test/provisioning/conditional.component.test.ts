import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { Oss } from "./oss.ts";

const ROUNDS = 50;

jest.setTimeout(60_000);

let oss: Oss;

beforeAll(async () => {
  oss = await Oss.start(2);
});

afterAll(() => oss?.[Symbol.asyncDispose]());

test("every answer about an entity names its version, and a reader that has it gets nothing again", async () => {
  const created = await oss.call("PUT", "/v1/productOfferings/basic", { name: "Basic", services: [] });
  expect(created).toMatchObject({ status: 201, etag: '"1"' });
  const changed = await oss.call("PUT", "/v1/productOfferings/basic", { name: "Basic 2", services: [] });
  expect(changed).toMatchObject({ status: 200, etag: '"2"' });
  const read = await oss.call("GET", "/v1/productOfferings/basic");
  expect(read).toMatchObject({ status: 200, etag: '"2"', body: { name: "Basic 2" } });
  const again = await oss.call("GET", "/v1/productOfferings/basic", undefined, { "if-none-match": '"2"' });
  expect(again).toEqual({ status: 304, etag: '"2"', body: {} });
});

test("a write that names a stale version changes nothing and says which version there is", async () => {
  await oss.call("PUT", "/v1/subscribers/stale", { password: "secret" });
  await oss.call("PUT", "/v1/subscribers/stale", { status: "suspended" }, { "if-match": '"1"' });
  const ifFirst = { "if-match": '"1"' };
  for (const answer of [
    await oss.call("PUT", "/v1/subscribers/stale", { status: "active" }, ifFirst),
    await oss.call("DELETE", "/v1/subscribers/stale", undefined, ifFirst),
  ]) {
    expect(answer).toMatchObject({ status: 412, body: { detail: expect.stringMatching(/"2".*"1"/) } });
  }
  expect((await oss.call("GET", "/v1/subscribers/stale")).body).toMatchObject({ status: "suspended", version: "2" });
  expect(await oss.eventsOf("stale")).toBe(2);
});

test("If-None-Match: * creates and never changes, If-Match: * changes and never creates", async () => {
  const put = (headers: Record<string, string>): Promise<{ status: number }> =>
    oss.call("PUT", "/v1/subscribers/new", { password: "secret" }, headers);
  await expect(put({ "if-match": "*" })).resolves.toMatchObject({ status: 412 });
  await expect(put({ "if-none-match": "*" })).resolves.toMatchObject({ status: 201 });
  await expect(put({ "if-none-match": "*" })).resolves.toMatchObject({ status: 412 });
  await expect(put({ "if-match": "*" })).resolves.toMatchObject({ status: 200 });
  await expect(put({ "if-match": "2" })).resolves.toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining('If-Match: "7"') },
  });
  await expect(oss.call("DELETE", "/v1/subscribers/none", undefined, { "if-match": '"1"' })).resolves.toMatchObject({
    status: 404,
  });
  expect(await oss.eventsOf("new")).toBe(2);
});

test("the version of an entity that was deleted is never the version of the one made again", async () => {
  await oss.call("PUT", "/v1/subscribers/again", { password: "secret" });
  await oss.call("DELETE", "/v1/subscribers/again", undefined, { "if-match": '"1"' });
  await oss.call("PUT", "/v1/subscribers/again", { password: "secret" });
  await expect(
    oss.call("PUT", "/v1/subscribers/again", { status: "suspended" }, { "if-match": '"1"' }),
  ).resolves.toMatchObject({ status: 412, body: { detail: expect.stringContaining('"3"') } });
});

test("of writers that name the same version at the same time, at whichever replica, exactly one wins", async () => {
  let { etag } = await oss.call("PUT", "/v1/productOfferings/contested", { name: "0", services: [] });
  for (let round = 1; round <= ROUNDS; round += 1) {
    const headers = { "if-match": etag ?? "" };
    const answers = await Promise.all(
      [0, 1, 2, 3].map((writer) =>
        oss.call(
          "PUT",
          "/v1/productOfferings/contested",
          { name: `${round}-${writer}`, services: [] },
          headers,
          oss.replicas[writer % 2],
        ),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
    const winner = answers.findIndex(({ status }) => status === 200);
    const stored = await oss.call("GET", "/v1/productOfferings/contested");
    expect(stored.body).toMatchObject({ name: `${round}-${winner}`, version: `${round + 1}` });
    etag = stored.etag;
  }
  expect(await oss.eventsOf("contested")).toBe(ROUNDS + 1);
});
