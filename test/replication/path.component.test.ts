import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";
import type { NodeService } from "../../node-service/src/service.ts";
import { Box } from "../box/box.ts";
import { until } from "../lib/until.ts";
import { metricOf, nodeState, population, Stack } from "./stack.ts";

let stack: Stack;
let nodes: [NodeService, NodeService];
let gateway: Gateway;

beforeAll(async () => {
  stack = await Stack.start();
  await stack.startOss();
  nodes = [await stack.startNode("tv-aaa-0"), await stack.startNode("tv-aaa-1")];
  gateway = await startGateway(nodes.map(({ url }) => url));
  await stack.bulk(population(50));
  await stack.untilSynced(...nodes);
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await stack?.[Symbol.asyncDispose]();
}, 30_000);

const boxOf = (subscriberId: string, password = `password-${subscriberId}`): Box =>
  new Box({ gatewayUrl: gateway.url, subscriberId, password, deviceId: `box-${subscriberId}` });

test("a box is admitted although every step of it comes to another node", async () => {
  const box = boxOf("s7");
  gateway.requests.clear();
  const { sequence } = await box.authenticate();
  expect(BigInt(sequence)).toBeGreaterThanOrEqual(151n);
  expect([...gateway.requests.values()]).toEqual([1, 1]);
  await expect(box.authorize("channel:news-1")).resolves.toMatchObject({
    decision: "Permit",
    reason: "Entitled",
    entitlement: { id: "e-s7", productOfferingId: "basic" },
  });
  await expect(box.authorize("channel:sports-1")).resolves.toMatchObject({ decision: "Deny", reason: "NotEntitled" });
});

test("a box gets the decisions for its whole channel list at once", async () => {
  const accessToken = await stack.accessToken({ subscriberId: "s7", deviceId: "box-s7" });
  const ask = async (services: readonly string[]): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(new URL("/v1/authorize/list", nodes[0].url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ accessToken, services }),
    });
    return { status: response.status, body: await response.json() };
  };
  expect(await ask(["channel:opera", "channel:news-1"])).toMatchObject({
    status: 200,
    body: {
      decisions: [
        { service: "channel:opera", decision: "Deny", reason: "NotEntitled" },
        { service: "channel:news-1", decision: "Permit", reason: "Entitled", entitlementId: "e-s7" },
      ],
      entitlements: [{ id: "e-s7", subscriberId: "s7", productOfferingId: "basic", status: "active" }],
    },
  });
  expect(await ask([])).toMatchObject({ status: 400 });
  expect(await ask(Array(1_001).fill("channel:news-1"))).toMatchObject({
    status: 400,
    body: { errors: ["/services: must not have more than 1000 items"] },
  });
});

test("a wrong password, an unknown subscriber and a suspended one are refused alike", async () => {
  await stack.put("subscribers/s8", { status: "suspended" });
  await stack.untilSynced(...nodes);
  const refusals = await Promise.all(
    [boxOf("s9", "wrong"), boxOf("nobody"), boxOf("s8")].map((box) => box.authenticate().catch(String)),
  );
  expect(new Set(refusals).size).toBe(1);
  expect(refusals[0]).toContain("401");
});

test("a device of another subscriber is refused", async () => {
  const { url: gatewayUrl } = gateway;
  const box = new Box({ gatewayUrl, subscriberId: "s1", password: "password-s1", deviceId: "box-s2" });
  await expect(box.authenticate()).rejects.toThrow("401");
});

test("a subscriber suspended after it got its token is denied", async () => {
  const box = boxOf("s10");
  await box.authenticate();
  await stack.put("subscribers/s10", { status: "suspended" });
  await stack.untilSynced(...nodes);
  await expect(box.authorize("channel:news-1")).resolves.toMatchObject({ reason: "SubscriberNotActive" });
});

test("a node that joins late gets what was broadcast before it existed", async () => {
  const late = await stack.startNode("tv-aaa-2");
  await stack.untilSynced(late, ...nodes);
  expect(await metricOf(late, 'aaa_node_resyncs_total{reason="never-synced"}')).toBe(1);
  const lateState = await nodeState(late);
  expect(lateState).toMatchObject({ queue: "aaa.partition.tv-aaa-2", synced: true });
  expect((await nodeState(nodes[0])).sequence).toBe(lateState.sequence);
});

test("a node that starts says where it is only when it has read its database", async () => {
  const database = await stack.database();
  const first = await stack.startNode("tv-aaa-3", database);
  await stack.untilSynced(first);
  const { sequence } = await nodeState(first);
  await first.stop();
  const locking = new pg.Client({ connectionString: database });
  await locking.connect();
  await locking.query("begin; lock table watermark");
  const again = await stack.startNode("tv-aaa-3", database);
  const asked = await fetch(new URL("/v1/partition", again.url));
  await locking.end();
  expect(asked.status).toBe(503);
  await stack.untilSynced(again);
  expect((await nodeState(again)).sequence).toBe(sequence);
});

test("a deleted entity is gone on every node, and one that others use is not deleted", async () => {
  await expect(stack.call("DELETE", "/v1/subscribers/s11")).resolves.toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("delete that first") },
  });
  await expect(stack.call("DELETE", "/v1/entitlements/e-s11")).resolves.toMatchObject({ status: 200 });
  await stack.untilSynced(...nodes);
  const box = boxOf("s11");
  await box.authenticate();
  await expect(box.authorize("channel:news-1")).resolves.toMatchObject({ reason: "NotEntitled" });
  await expect(box.authorize("channel:news-1")).resolves.toMatchObject({ reason: "NotEntitled" });
});

test("messages that cannot be applied are set aside with their reason and do not stop the stream", async () => {
  const [node] = nodes;
  const publish = (message: unknown): Promise<unknown> =>
    stack.vhost.management("POST", `/exchanges/${stack.vhost.name}/oss_exchange/publish`, {
      routing_key: "",
      payload: typeof message === "string" ? message : JSON.stringify(message),
      payload_encoding: "string",
      properties: {},
    });
  const { epoch, sequence } = await nodeState(node);
  const place = (ahead: bigint) => ({ epoch, sequence: (BigInt(sequence) + ahead).toString() });
  await publish("not json");
  await publish({ ...place(1n), eventType: "SubscriberRenamedEvent" });
  // The contract allows this character, PostgreSQL's jsonb does not.
  await publish({
    ...place(2n),
    eventId: "forged",
    eventTime: new Date().toISOString(),
    eventType: "ProductOfferingCreateEvent",
    entity: "ProductOffering",
    entityId: "forged",
    entityVersion: "1",
    payload: { name: "\0", services: [] },
  });
  await until("three messages are set aside", async () => (await metricOf(node, "aaa_node_quarantined_total")) === 3, {
    deadlineMs: 10_000,
  });
  // The forged events have taken two numbers, so the first two real ones look like duplicates.
  for (const status of ["suspended", "active", "suspended"]) {
    await stack.put("devices/box-s12", { subscriberId: "s12", status });
  }
  await stack.untilSynced(node);
  await expect(boxOf("s12").authenticate()).rejects.toThrow("401");
});

test("OSS and its API say what to write instead of what was sent", async () => {
  await expect(
    stack.call("PUT", "/v1/devices/x", { subscriberId: "s1", status: "on", colour: "red" }),
  ).resolves.toEqual({
    status: 400,
    body: {
      type: "urn:aaacluster:problem:invalid-request",
      title: "invalid request",
      status: 400,
      detail: "the request does not have the expected form",
      errors: ["does not know colour; remove it or correct its name", '/status: must be one of "active", "suspended"'],
    },
  });
  await expect(stack.call("PUT", "/v1/devices/x", { subscriberId: "nobody" })).resolves.toMatchObject({
    status: 422,
    body: { detail: "Subscriber/nobody does not exist; create it first" },
  });
  const lines = `${population(1)}\n{"entity":"Device","id":"y","payload":{}}\nnonsense`;
  await expect(stack.call("POST", "/v1/bulk", lines)).resolves.toMatchObject({
    status: 400,
    body: { errors: ["line 5: must have subscriberId", "line 6: is not a JSON object"] },
  });
});

interface Gateway extends AsyncDisposable {
  readonly url: string;
  /** How many requests each node got. */
  readonly requests: Map<string, number>;
}

/** Sends every request to the next node in turn. */
async function startGateway(urls: readonly string[]): Promise<Gateway> {
  const requests = new Map<string, number>();
  let turn = 0;
  const server = createServer(async (request, response) => {
    const target = urls[turn++ % urls.length] as string;
    requests.set(target, (requests.get(target) ?? 0) + 1);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const answer = await fetch(new URL(request.url ?? "/", target), {
      method: request.method ?? "GET",
      headers: { "content-type": "application/json" },
      body: Buffer.concat(chunks),
    });
    const { epoch, sequence } = {
      epoch: answer.headers.get("aaa-epoch"),
      sequence: answer.headers.get("aaa-sequence"),
    };
    response.writeHead(answer.status, { "aaa-epoch": epoch ?? "", "aaa-sequence": sequence ?? "" });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
