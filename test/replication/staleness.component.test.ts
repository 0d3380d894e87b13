import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { NodeService } from "../../node-service/src/service.ts";
import { clientFirstMessage } from "../box/scram.ts";
import { TcpGate } from "../fault/tcp-gate.ts";
import { until } from "../lib/until.ts";
import { sharedRabbitmq } from "../services/shared.ts";
import { nodeState, population, Stack } from "./stack.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };
const MAX_LAG_SECONDS = "1";

let gate: TcpGate;
let stack: Stack;
let strictDatabase: string;
let strictEnv: Record<string, string>;
let strict: NodeService;
let lenient: NodeService;

beforeAll(async () => {
  gate = await TcpGate.start(sharedRabbitmq().port);
  stack = await Stack.start();
  await stack.startOss();
  strictDatabase = await stack.database();
  const BROKER_URL = `amqp://127.0.0.1:${gate.port}/${stack.vhost.name}`;
  strictEnv = { BROKER_URL, MAX_LAG_SECONDS, STALE_READS: "Refuse" };
  strict = await stack.startNode("tv-aaa-0", strictDatabase, strictEnv);
  lenient = await stack.startNode("tv-aaa-1", undefined, { BROKER_URL, MAX_LAG_SECONDS });
  await stack.bulk(population(1));
  await stack.untilSynced(strict, lenient);
}, 60_000);

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
  await gate?.[Symbol.asyncDispose]();
}, 30_000);

async function readiness(node: NodeService): Promise<{ status: number | string; detail?: string }> {
  return (await (await fetch(new URL("/readyz", node.url))).json()) as { status: number | string; detail?: string };
}

/** The first request of a set-top box. */
function knock(node: NodeService): Promise<Response> {
  return fetch(new URL("/v1/authenticate/challenge", node.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ deviceId: "box-s0", clientFirst: clientFirstMessage("s0", "a-nonce-that-is-long-enough") }),
  });
}

const nowFresh = { lagSeconds: 0, behind: false, consuming: true, synced: true };

test("nodes that lose the broker say so, and only the one that is to refuse stale reads does", async () => {
  expect(await nodeState(strict)).toMatchObject(nowFresh);
  expect(await readiness(strict)).toEqual({ status: "ready" });
  gate.close();
  await until(
    "both are behind",
    async () => (await nodeState(strict)).behind && (await nodeState(lenient)).behind,
    DEADLINE,
  );
  for (const node of [strict, lenient]) {
    expect(await nodeState(node)).toMatchObject({ consuming: false, synced: false });
    expect((await nodeState(node)).lagSeconds).toBeGreaterThan(1);
  }

  expect(await readiness(lenient)).toEqual({ status: "ready" });
  expect((await knock(lenient)).status).toBe(200);
  expect(await readiness(strict)).toMatchObject({ status: 503, detail: expect.stringMatching(/is \d+ s behind/) });
  const refused = await knock(strict);
  expect(refused.headers.get("content-type")).toContain("application/problem+json");
  expect(refused.headers.get("retry-after")).toBe("5");
  expect(await refused.json()).toMatchObject({ type: "urn:aaacluster:problem:behind", status: 503 });

  gate.open();
  await until("it is ready again", async () => (await readiness(strict)).detail === undefined, DEADLINE);
  expect(await nodeState(strict)).toMatchObject(nowFresh);
  expect((await knock(strict)).status).toBe(200);
}, 60_000);

test("a node that comes back with data of unknown age refuses until OSS tells that it has everything", async () => {
  await strict.stop();
  strict = await stack.startNode("tv-aaa-0", strictDatabase, strictEnv);
  const detail = async (): Promise<boolean> =>
    (await readiness(strict)).detail?.includes("has not caught up since it started") === true;
  await until("it says what it waits for", detail, DEADLINE);
  expect((await knock(strict)).status).toBe(503);
  await until("it is ready", async () => (await readiness(strict)).detail === undefined, DEADLINE);
  expect(await nodeState(strict)).toMatchObject(nowFresh);
}, 60_000);
