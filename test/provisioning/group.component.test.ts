import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { contentOf, query, Stack } from "../replication/stack.ts";

let stack: Stack;

beforeAll(async () => {
  stack = await Stack.start();
  await stack.startOss();
  for (const id of ["alice", "bob"]) await stack.put(`subscribers/${id}`, { password: `password-${id}` });
}, 60_000);

afterAll(() => stack?.[Symbol.asyncDispose]());

const put = (id: string, subscriberId = "alice") => stack.call("PUT", `/v1/devices/${id}`, { subscriberId });
const sequenceOf = ({ body }: { body: Record<string, unknown> }): number => Number(body.sequence);

test("requests that come at the same time get the places of their own events", async () => {
  const before = Number((await stack.stream()).sequence);
  const ids = Array.from({ length: 60 }, (_, index) => `box-${index}`);
  const answers = await Promise.all(ids.map((id) => put(id)));
  expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 201));
  const outbox = await query(
    stack.ossDatabase.url,
    `select sequence::int, body ->> 'entityId' as id from outbox where sequence > ${before} order by sequence`,
  );
  expect(outbox.map(({ sequence }) => sequence)).toEqual(ids.map((_, index) => before + index + 1));
  const places = new Map(outbox.map(({ sequence, id }) => [id, sequence]));
  expect(answers.map(sequenceOf)).toEqual(ids.map((id) => places.get(id)));
  // Fewer transactions than requests: each writes its rows of the outbox with its own number.
  const transactions = await query(
    stack.ossDatabase.url,
    `select count(distinct xmin::text)::int as count from outbox where sequence > ${before}`,
  );
  expect(transactions[0]?.count).toBeLessThan(ids.length);
});

test("the events of a bulk request follow each other, whatever comes at the same time", async () => {
  const lines = (name: string): string =>
    [`first-${name}`, `second-${name}`]
      .map((id) => JSON.stringify({ entity: "Device", id, payload: { subscriberId: "bob" } }))
      .join("\n");
  const names = Array.from({ length: 10 }, (_, index) => String(index));
  const [answers] = await Promise.all([
    Promise.all(names.map((name) => stack.call("POST", "/v1/bulk", lines(name)))),
    Promise.all(names.map((name) => put(`box-beside-${name}`))),
  ]);
  for (const [index, answer] of answers.entries()) {
    const events = await query(
      stack.ossDatabase.url,
      `select body ->> 'entityId' as id from outbox
       where sequence between ${sequenceOf(answer) - 1} and ${sequenceOf(answer)} order by sequence`,
    );
    expect(events.map(({ id }) => id)).toEqual([`first-${index}`, `second-${index}`]);
  }
});

test("requests of one entity that come at the same time are all carried out, each with a version of its own", async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => put("box-of-all")));
  const versions = answers.map(({ body }) => Number(body.version)).sort((a, b) => a - b);
  expect(versions).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
});

test("one that is refused does not change what happens to the others, and leaves nothing behind", async () => {
  const before = Number((await stack.stream()).sequence);
  const [unknown, missing, ...others] = await Promise.all([
    put("box-of-nobody", "nobody"),
    stack.call("DELETE", "/v1/devices/box-that-is-not"),
    ...Array.from({ length: 10 }, (_, index) => put(`box-of-bob-${index}`, "bob")),
  ]);
  expect([unknown?.status, missing?.status]).toEqual([422, 404]);
  expect(others.map(({ status }) => status)).toEqual(others.map(() => 201));
  expect(Number((await stack.stream()).sequence)).toBe(before + 10);
  const rows = await query(stack.ossDatabase.url, "select count(*)::int as count from entities");
  expect(rows[0]?.count).toBe((await contentOf(stack.ossDatabase.url)).length);
});

test("one that refers to what another makes at the same time comes after it, or is refused", async () => {
  const [subscriber, device] = await Promise.all([
    stack.call("PUT", "/v1/subscribers/carol", { password: "password-carol" }),
    put("box-of-carol", "carol"),
  ]);
  expect(subscriber.status).toBe(201);
  if (device.status === 422) return;
  expect(device.status).toBe(201);
  expect(sequenceOf(device)).toBeGreaterThan(sequenceOf(subscriber));
});
