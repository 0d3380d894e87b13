import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import pg from "pg";
import { until } from "../lib/until.ts";
import { type Answer, Oss } from "./oss.ts";

const AT_ONCE = 20;

jest.setTimeout(60_000);

let oss: Oss;

beforeAll(async () => {
  oss = await Oss.start(2);
});

afterAll(() => oss?.[Symbol.asyncDispose]());

const offering = (name: string): object => ({ name, services: [] });
const keysLike = async (prefix: string): Promise<number> =>
  (await oss.query(`select 1 from idempotency_keys where key like '${prefix}%'`)).length;

test("a request sent again under its key gets the first answer and changes nothing", async () => {
  const send = (key: string, body: object): Promise<Answer> =>
    oss.call("PUT", "/v1/productOfferings/again", body, { "idempotency-key": key });
  const first = await send('"again-1"', offering("One"));
  expect(first).toMatchObject({ status: 201, etag: '"1"' });
  await oss.call("PUT", "/v1/productOfferings/again", offering("Two"));
  await expect(send('"again-1"', offering("One"))).resolves.toEqual(first);
  await expect(send("again-1", offering("One"))).resolves.toEqual(first);
  expect((await oss.call("GET", "/v1/productOfferings/again")).body).toMatchObject({ name: "Two" });
  expect(await oss.eventsOf("again")).toBe(2);
});

test("another request under a used key is refused, whatever it differs in", async () => {
  const path = "/v1/subscribers/other";
  const headers = { "idempotency-key": "other-1" };
  await oss.call("PUT", path, { password: "secret" }, headers);
  for (const answer of [
    await oss.call("PUT", path, { password: "secreT" }, headers),
    await oss.call("PUT", "/v1/subscribers/another", { password: "secret" }, headers),
    await oss.call("PUT", path, { password: "secret" }, { ...headers, "if-match": '"1"' }),
    await oss.call("DELETE", path, undefined, headers),
    await oss.call("POST", "/v1/bulk", '{"entity":"Subscriber","id":"other","payload":null}', headers),
  ]) {
    expect(answer).toMatchObject({ status: 422, body: { type: "urn:aaacluster:problem:idempotency-key-reused" } });
  }
  expect(await oss.eventsOf("other")).toBe(1);
  await expect(oss.call("PUT", path, {}, { "idempotency-key": '"' })).resolves.toMatchObject({ status: 400 });
});

test("one key sent many times at once to both replicas is one change, and everybody gets its answer", async () => {
  const lines = ["x", "y"].map((id) =>
    JSON.stringify({ entity: "ProductOffering", id: `once-${id}`, payload: offering(id) }),
  );
  const requests: readonly (readonly [string, string, unknown, string])[] = [
    ["PUT", "/v1/productOfferings/once", offering("Once"), "once-put"],
    ["PATCH", "/v1/productOfferings/once", { name: "Patched" }, "once-patch"],
    ["DELETE", "/v1/productOfferings/once", undefined, "once-delete"],
    ["POST", "/v1/bulk", lines.join("\n"), "once-bulk"],
  ];
  for (const [method, path, body, key] of requests) {
    const headers = {
      "idempotency-key": key,
      ...(method === "PATCH" ? { "content-type": "application/merge-patch+json" } : {}),
    };
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) => oss.call(method, path, body, headers, oss.replicas[index % 2])),
    );
    expect(answers[0]?.status).toBeLessThan(300);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  }
  expect([await oss.eventsOf("once"), await oss.eventsOf("once-x"), await oss.eventsOf("once-y")]).toEqual([3, 1, 1]);
  expect(await keysLike("once-")).toBe(4);
});

test("the answer is still there for a replica that starts later", async () => {
  const headers = { "idempotency-key": "restart" };
  const first = await oss.call("PUT", "/v1/productOfferings/restart", offering("Restart"), headers);
  const late = await oss.startReplica("oss-late");
  await expect(oss.call("PUT", "/v1/productOfferings/restart", offering("Restart"), headers, late)).resolves.toEqual(
    first,
  );
  await late.stop();
});

test("a request that was refused leaves its key free for another try", async () => {
  const headers = { "idempotency-key": "refused" };
  const send = (): Promise<Answer> => oss.call("PUT", "/v1/devices/refused", { subscriberId: "late" }, headers);
  await expect(send()).resolves.toMatchObject({ status: 422 });
  expect(await keysLike("refused")).toBe(0);
  await oss.call("PUT", "/v1/subscribers/late", { password: "secret" });
  await expect(send()).resolves.toMatchObject({ status: 201 });
  await expect(send()).resolves.toMatchObject({ status: 201 });
  expect(await oss.eventsOf("refused")).toBe(1);
});

test("a transaction that dies before its commit leaves neither change nor key, and whoever waited for it goes on", async () => {
  const blocker = new pg.Client({ connectionString: oss.databaseUrl });
  await blocker.connect();
  const blocked = (wait: string): Promise<Record<string, unknown>[]> =>
    oss.query(
      `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query ${wait}`,
    );
  try {
    await blocker.query("begin");
    await blocker.query("select * from stream for update");
    const send = (to: number): Promise<Answer> =>
      oss.call(
        "PUT",
        "/v1/productOfferings/killed",
        offering("Killed"),
        { "idempotency-key": "killed" },
        oss.replicas[to],
      );
    const first = send(0);
    const [writer] = await until(
      "the first waits for the stream",
      async () => {
        const found = await blocked("like '%insert into entities (entity, entity_id, version, payload)%'");
        return found.length > 0 && found;
      },
      { deadlineMs: 10_000, intervalMs: 20 },
    );
    const second = send(1);
    await until(
      "the second waits for the key",
      async () => (await blocked("like 'insert into idempotency_keys%'")).length > 0,
      {
        deadlineMs: 10_000,
        intervalMs: 20,
      },
    );
    await oss.query(`select pg_terminate_backend(${writer?.pid})`);
    await expect(first).resolves.toMatchObject({ status: 503 });
    expect(await keysLike("killed")).toBe(0);
    await blocker.query("rollback");
    await expect(second).resolves.toMatchObject({ status: 201, body: { version: "1" } });
    await expect(send(0)).resolves.toEqual(await second);
    expect(await oss.eventsOf("killed")).toBe(1);
  } finally {
    await blocker.end();
  }
});

test("a key is forgotten after 24 hours and not before, and what stands under it tells nothing of a password", async () => {
  for (const id of ["old", "young"]) {
    await oss.call("PUT", `/v1/subscribers/${id}`, { password: "secret" }, { "idempotency-key": `age-${id}` });
  }
  const age = (id: string, interval: string): Promise<unknown> =>
    oss.query(`update idempotency_keys set created_at = now() - interval '${interval}' where key = 'age-${id}'`);
  await age("young", "23 hours");
  await age("old", "25 hours");
  await until("the old one is pruned", async () => (await keysLike("age-old")) === 0, { deadlineMs: 20_000 });
  expect(await keysLike("age-young")).toBe(1);
  expect(JSON.stringify(await oss.query("select * from idempotency_keys"))).not.toContain("secret");
});
