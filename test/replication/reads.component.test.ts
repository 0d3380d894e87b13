import { expect, test } from "@jest/globals";
import type { NodeService } from "../../node-service/src/service.ts";
import { TcpGate } from "../fault/tcp-gate.ts";
import { until } from "../lib/until.ts";
import { sharedRabbitmq } from "../services/shared.ts";
import { population, Stack } from "./stack.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };

test("a box that has seen a change is not answered from before it, by whatever node, if it says so", async () => {
  await using gate = await TcpGate.start(sharedRabbitmq().port);
  await using stack = await Stack.start();
  await stack.startOss();
  const near = await stack.startNode("tv-aaa-0");
  const far = await stack.startNode("tv-aaa-1", undefined, {
    BROKER_URL: `amqp://127.0.0.1:${gate.port}/${stack.vhost.name}`,
  });
  await stack.bulk(population(1));
  await stack.untilSynced(near, far);
  const accessToken = await stack.accessToken({ subscriberId: "s0", deviceId: "box-s0" });
  const authorize = async ({ url }: NodeService, headers: Record<string, string> = {}) => {
    const response = await fetch(new URL("/v1/authorize", url), {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ accessToken, service: "channel:sports-1" }),
    });
    const told = (name: string): string => response.headers.get(name) ?? "";
    return { status: response.status, told, body: (await response.json()) as Record<string, unknown> };
  };

  gate.close();
  await stack.put("productOfferings/basic", { name: "Basic", services: ["channel:sports-1"] });
  await stack.untilSynced(near);
  const bought = await authorize(near);
  expect(bought.body).toMatchObject({ decision: "Permit" });
  const { epoch, sequence } = await stack.stream();
  expect([bought.told("aaa-epoch"), bought.told("aaa-sequence")]).toEqual([epoch, sequence]);

  const older = await authorize(far);
  expect(older.body).toMatchObject({ decision: "Deny" });
  expect(BigInt(older.told("aaa-sequence"))).toBe(BigInt(sequence) - 1n);
  const seen = { "aaa-min-sequence": sequence };
  const refused = await authorize(far, seen);
  expect(refused).toMatchObject({ status: 503, body: { type: "urn:aaacluster:problem:behind" } });
  expect(refused.told("retry-after")).toBe("5");
  expect((await authorize(near, seen)).body).toMatchObject({ decision: "Permit" });
  expect(await authorize(near, { "aaa-min-sequence": "newest" })).toMatchObject({
    status: 400,
    body: { errors: ["aaa-min-sequence: must be a whole number, as aaa-sequence of an answer"] },
  });

  gate.open();
  const answered = async (): Promise<boolean> => (await authorize(far, seen)).status === 200;
  await until("the other node has it too", answered, DEADLINE);
  expect((await authorize(far, seen)).body).toMatchObject({ decision: "Permit" });
}, 60_000);
