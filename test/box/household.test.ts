import { afterEach, expect, jest, test } from "@jest/globals";
import { until } from "../lib/until.ts";
import { Household, type World } from "./household.ts";
import { Tally } from "./tally.ts";
import { friendlyGateway, KEYS } from "./testing/friendly-gateway.ts";
import type { ScriptedGateway } from "./testing/scripted-gateway.ts";

const DEADLINE = { deadlineMs: 15_000, intervalMs: 10 };
const IDENTITY = { subscriberId: "alice", deviceId: "box", password: KEYS };
const SERVICES = Array.from({ length: 20 }, (_, index) => `channel:${index}`);
/** They look at channels all the time. */
const HABITS = { services: SERVICES, stayMs: 10, glanceMs: 10, interimMs: 60_000 };
/** They stay with the first one. */
const CONTENT = { ...HABITS, stayMs: 600_000 };
let households: Household[] = [];

jest.setTimeout(2 * DEADLINE.deadlineMs);

afterEach(async () => {
  await Promise.all(households.map((household) => household.cutPower()));
  households = [];
});

function household(gateway: ScriptedGateway, over: Partial<World> = {}): { box: Household; tally: Tally } {
  const tally = new Tally();
  const box = new Household(IDENTITY, 0, {
    gatewayUrl: gateway.url,
    habits: HABITS,
    timeoutMs: 10_000,
    patienceMs: 60_000,
    seed: 1,
    run: "run",
    tally: () => tally,
    ...over,
  });
  households.push(box);
  return { box, tally };
}

const sentTo = (gateway: ScriptedGateway, path: string): Readonly<Record<string, unknown>>[] =>
  gateway.requests.filter((request) => request.path === path).map(({ body }) => body);

test("a record that is not known to be taken is sent again, unchanged", async () => {
  let failures = 0;
  await using gateway = await friendlyGateway(({ path }) => {
    if (path !== "/v1/accounting" || failures === 2) return undefined;
    failures += 1;
    return failures === 1 ? null : { status: 503, body: { detail: "busy" } };
  });
  const { box, tally } = household(gateway, { habits: CONTENT });
  await box.turnOn(0);
  const records = await until(
    "the record is taken",
    () => tally.report().operations.account.succeeded > 0 && sentTo(gateway, "/v1/accounting"),
    DEADLINE,
  );
  expect(records).toHaveLength(3);
  expect(new Set(records.map((record) => JSON.stringify(record))).size).toBe(1);
  const { failures: kinds, givenUp } = tally.report().operations.account;
  expect(kinds).toEqual({ "HTTP 503": 1, "connection lost": 1 });
  expect(givenUp).toBe(0);
});

test("a box whose token is not taken any more is admitted again, and asks again", async () => {
  let refused = false;
  await using gateway = await friendlyGateway(({ path }) => {
    if (path !== "/v1/authorize" || refused) return undefined;
    refused = true;
    return { status: 401, body: { detail: "expired" } };
  });
  const { box, tally } = household(gateway);
  await box.turnOn(0);
  await until("it is permitted", () => tally.report().operations.authorize.succeeded > 0, DEADLINE);
  expect(tally.report().operations.authenticate.succeeded).toBe(2);
  const [first, second] = sentTo(gateway, "/v1/authorize");
  expect(second).toEqual(first);
});

test("a box that is switched off reports the end of its session, one that loses its power does not", async () => {
  await using gateway = await friendlyGateway();
  const types = (): unknown[] => sentTo(gateway, "/v1/accounting").map(({ acctStatusType }) => acctStatusType);
  const { box } = household(gateway, { habits: CONTENT });
  await box.turnOn(0);
  await until("its session has begun", () => types().length > 0, DEADLINE);
  await box.cutPower();
  expect(types()).toEqual(["Start"]);
  await box.turnOn(0);
  await until("another session has begun", () => types().length > 1, DEADLINE);
  await box.turnOff();
  expect(types()).toEqual(["Start", "Start", "Stop"]);
  expect(box.isOn).toBe(false);
});

test("while a channel is watched the box reports it now and then, with the next number", async () => {
  await using gateway = await friendlyGateway();
  const { box } = household(gateway, { habits: { ...CONTENT, interimMs: 20 } });
  await box.turnOn(0);
  const records = await until(
    "it has reported",
    () => sentTo(gateway, "/v1/accounting").length > 3 && sentTo(gateway, "/v1/accounting").slice(0, 4),
    DEADLINE,
  );
  expect(records.map(({ acctStatusType }) => acctStatusType)).toEqual(["Start", ...Array(3).fill("Interim-Update")]);
  expect(records.map(({ accountingRecordNumber }) => accountingRecordNumber)).toEqual([0, 1, 2, 3]);
});

test("the same seed zaps through the same channels, another one through others", async () => {
  await using gateway = await friendlyGateway();
  const channels = async (seed: number): Promise<unknown[]> => {
    const before = sentTo(gateway, "/v1/authorize").length;
    const { box } = household(gateway, { seed });
    const zapped = (): unknown[] => sentTo(gateway, "/v1/authorize").slice(before);
    await box.turnOn(0);
    await until("it has zapped", () => zapped().length >= 4, DEADLINE);
    await box.cutPower();
    return zapped().slice(0, 4);
  };
  const first = await channels(7);
  expect(await channels(7)).toEqual(first);
  expect(await channels(8)).not.toEqual(first);
});
