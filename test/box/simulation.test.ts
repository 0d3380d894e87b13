import { expect, test } from "@jest/globals";
import { type Phase, type PhaseReport, type Scenario, simulate } from "./simulation.ts";
import { type ScriptedGateway, type ScriptedRequest, scriptedGateway } from "./testing/scripted-gateway.ts";

/** Admission takes a real server; these boxes are told at once that they need none. */
const scenario = (gateway: ScriptedGateway, phases: readonly Phase[], over: Partial<Scenario> = {}): Scenario => ({
  gatewayUrl: gateway.url,
  boxes: Array.from({ length: 10 }, (_, index) => ({
    subscriberId: `s${index}`,
    deviceId: `box-${index}`,
    password: "secret",
  })),
  phases,
  habits: { services: ["channel:news"], stayMs: 1_000, glanceMs: 100, interimMs: 1_000 },
  seed: 1,
  run: "run",
  timeoutMs: 5_000,
  patienceMs: 20_000,
  ...over,
});

async function reportsOf(given: Scenario): Promise<PhaseReport[]> {
  const reports: PhaseReport[] = [];
  for await (const report of simulate(given)) reports.push(report);
  return reports;
}

test("boxes that are refused give up at once and stay off", async () => {
  await using gateway = await scriptedGateway(() => ({ status: 401, body: { detail: "no" } }));
  const [boot] = await reportsOf(scenario(gateway, [{ name: "boot", withinMs: 50 }]));
  expect(boot?.operations.authenticate).toMatchObject({ succeeded: 0, failures: { "HTTP 401": 10 }, givenUp: 10 });
  expect(boot?.boxesOn).toBe(0);
});

test("boxes that are told to come back later do so, and not before", async () => {
  const last = new Map<unknown, number>();
  const tooSoon: ScriptedRequest[] = [];
  await using gateway = await scriptedGateway((request) => {
    const { deviceId } = request.body;
    const before = last.get(deviceId);
    const now = performance.now();
    last.set(deviceId, now);
    // A timer may be a little early.
    if (before !== undefined && now - before < 990) tooSoon.push(request);
    return before !== undefined
      ? { status: 401, body: { detail: "no" } }
      : { status: 503, body: { detail: "busy" }, headers: { "retry-after": "1" } };
  });
  const [boot] = await reportsOf(scenario(gateway, [{ name: "boot", withinMs: 0 }]));
  expect(boot?.operations.authenticate.failures).toEqual({ "HTTP 401": 10, "HTTP 503": 10 });
  expect(tooSoon).toEqual([]);
});

test("boxes whose patience ends before the cluster answers give up", async () => {
  await using gateway = await scriptedGateway(() => "silence");
  const phases: Phase[] = [{ name: "boot", withinMs: 0 }];
  const [boot] = await reportsOf(scenario(gateway, phases, { timeoutMs: 100, patienceMs: 0 }));
  expect(boot?.operations.authenticate).toMatchObject({ failures: { timeout: 10 }, givenUp: 10 });
});
