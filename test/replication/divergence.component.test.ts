import { digestOfTable, digestText } from "@aaa-cluster/service-kit";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { NodeService } from "../../node-service/src/service.ts";
import { until } from "../lib/until.ts";
import { contentOf, endRelaySession, metricOf, nodeState, population, query, Stack } from "./stack.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };

let stack: Stack;
let database: string;
let node: NodeService;
beforeEach(async () => {
  stack = await Stack.start();
  await stack.startOss();
  database = await stack.database();
  node = await stack.startNode("tv-aaa-0", database);
  await stack.bulk(population(20));
  await stack.untilSynced(node);
}, 60_000);
afterEach(() => stack[Symbol.asyncDispose](), 30_000);

const resyncs = (service: NodeService, reason: string): Promise<number> =>
  metricOf(service, `aaa_node_resyncs_total{reason="${reason}"}`);

const proofs = (result: "same" | "different"): Promise<number> =>
  metricOf(node, `aaa_node_proofs_total{result="${result}"}`);

/** The digest of what is in a database, counted anew. */
async function countedDigest(url: string): Promise<string> {
  const [row] = await query(url, `select ${digestOfTable("entities")} as digest`);
  return digestText(BigInt(String(row?.digest)));
}

async function keptDigest(url: string, table: "stream" | "watermark"): Promise<string> {
  const [row] = await query(url, `select digest from ${table}`);
  return digestText(BigInt(String(row?.digest)));
}

async function expectSameContent(): Promise<void> {
  expect(await contentOf(database)).toEqual(await contentOf(stack.ossDatabase.url));
}

test("creations, changes and deletions leave the same digest at OSS and at the node, which is that of what they have", async () => {
  await stack.put("subscribers/s1", { status: "suspended" });
  await stack.bulk(population(30));
  for (const path of ["entitlements/e-s2", "devices/box-s2", "subscribers/s2", "entitlements/e-s3"]) {
    expect(await stack.call("DELETE", `/v1/${path}`)).toMatchObject({ status: 200 });
  }
  await stack.put("entitlements/e-s3", { subscriberId: "s3", productOfferingId: "basic" });
  await stack.untilSynced(node);
  const { digest } = await nodeState(node);
  expect(digest).not.toBe(digestText(0n));
  expect(await keptDigest(stack.ossDatabase.url, "stream")).toBe(digest);
  expect(await keptDigest(database, "watermark")).toBe(digest);
  expect(await countedDigest(stack.ossDatabase.url)).toBe(digest);
  expect(await countedDigest(database)).toBe(digest);
}, 60_000);

test("a node that has another content than OSS at the same place of the stream finds out by itself, and repairs it", async () => {
  // As a defect of the node would leave it, which takes what it wrote for right.
  await query(
    database,
    `delete from entities where entity_id = 'e-s3';
     update watermark set digest = ${digestOfTable("entities")}`,
  );
  expect(await nodeState(node)).toMatchObject({ differs: false });
  await stack.put("subscribers/s1", { status: "suspended" });
  await until("it has taken a snapshot", async () => (await resyncs(node, "diverged")) === 1, DEADLINE);
  await stack.untilSynced(node);
  await expectSameContent();
  expect(await proofs("different")).toBe(1);
  // It goes on telling it for a while, or the operator might ask too late.
  expect(await nodeState(node)).toMatchObject({ differs: true });
}, 60_000);

test.each([
  ["changed", "update entities set payload = payload || '{\"status\": \"active\"}' where entity_id = 's1'"],
  ["deleted", "delete from entities where entity_id = 's1'"],
  ["invented", "insert into entities select entity, 'stranger', version, payload from entities where entity_id = 's1'"],
])(
  "an entity that somebody %s in a node's database is as it was when the node has started again",
  async (_, damage) => {
    await stack.put("subscribers/s1", { status: "suspended" });
    await stack.untilSynced(node);
    await node.stop();
    await query(database, damage);
    const again = await stack.startNode("tv-aaa-0", database);
    await until("it has taken a snapshot", async () => (await resyncs(again, "altered")) === 1, DEADLINE);
    await stack.untilSynced(again);
    await expectSameContent();
  },
  60_000,
);

test("what somebody changed in the database of OSS reaches every node", async () => {
  await query(
    stack.ossDatabase.url,
    "update entities set payload = payload || '{\"status\": \"suspended\"}' where entity_id = 's1'",
  );
  // It is looked for when a replica begins to relay, whichever does, also one that did before.
  await stack.startOss("oss-1");
  await endRelaySession(stack.ossDatabase.url);
  await until(
    "the audit has found it",
    async () => (await keptDigest(stack.ossDatabase.url, "stream")) === (await countedDigest(stack.ossDatabase.url)),
    DEADLINE,
  );
  await until("the node has taken a snapshot", async () => (await resyncs(node, "diverged")) === 1, DEADLINE);
  await stack.untilSynced(node);
  await expectSameContent();
}, 60_000);

test("a node in sync is proven right again and again, and takes no snapshot", async () => {
  const before = (await nodeState(node)).digest;
  const { epoch } = await stack.stream();
  const seen = await proofs("same");
  await until("it was proven right twice", async () => (await proofs("same")) >= seen + 2, DEADLINE);
  expect(await proofs("different")).toBe(0);
  expect(await resyncs(node, "altered")).toBe(0);
  expect(await nodeState(node)).toMatchObject({ digest: before, differs: false, epoch });
}, 60_000);
