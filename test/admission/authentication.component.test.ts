import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import type { NodeService } from "../../node-service/src/service.ts";
import { population, Stack } from "../replication/stack.ts";
import { type Answer, type Claimant, post, SteppingBox } from "./two-nodes.ts";

jest.setTimeout(60_000);

const MAC = "02:00:00:00:00:01";
const UNICODE = "pa\u00adss \u00aa";

let stack: Stack;
let nodes: [NodeService, NodeService];

beforeAll(async () => {
  stack = await Stack.start();
  await stack.startOss();
  nodes = [await stack.startNode("tv-aaa-0"), await stack.startNode("tv-aaa-1")];
  await stack.bulk(population(10));
  await stack.put("subscribers/s1", { status: "suspended" });
  await stack.put("devices/box-s2", { subscriberId: "s2", macAddress: MAC });
  await stack.put("subscribers/s3", { password: UNICODE });
  await stack.untilSynced(...nodes);
}, 60_000);

afterAll(() => stack?.[Symbol.asyncDispose](), 30_000);

const claimant = (subscriberId: string, more: Partial<Claimant> = {}): Claimant => ({
  subscriberId,
  password: `password-${subscriberId}`,
  deviceId: `box-${subscriberId}`,
  ...more,
});

const ADMITTED: Readonly<Record<string, Claimant>> = {
  "the right password": claimant("s0"),
  "the right password, and the MAC address": claimant("s2", { macAddress: MAC }),
  "a password that SASLprep makes the same": claimant("s3", { password: "pass a" }),
  "a name that SASLprep makes the same": claimant("\uff53\uff14", { password: "password-s4", deviceId: "box-s4" }),
};
const REFUSED: Readonly<Record<string, Claimant>> = {
  "a wrong password": claimant("s0", { password: "wrong" }),
  "a subscriber whom nobody knows": claimant("nobody"),
  "a name that no subscriber can have": claimant("m\u00fcller \u2713", { deviceId: "box-s0" }),
  "a suspended subscriber": claimant("s1"),
  "another one's device": claimant("s0", { deviceId: "box-s4" }),
  "a device that nobody knows": claimant("s0", { deviceId: "nobody" }),
  "another MAC address": claimant("s2", { macAddress: "02:00:00:00:00:02" }),
  "no MAC address": claimant("s2"),
};
const nonce = (): string => randomBytes(12).toString("base64");
const url = (index: number): string => (nodes[index % 2] as NodeService).url;

async function admittedBox(who: Claimant): Promise<SteppingBox> {
  const box = new SteppingBox(who);
  await box.challenge(url(0), nonce());
  expect((await box.prove(url(1))).status).toBe(200);
  return box;
}

test.each(Object.entries(ADMITTED))(
  "a box with %s is admitted, and its tokens are good at any node",
  async (_, who) => {
    const box = await admittedBox(who);
    for (const index of [0, 1]) {
      expect(await box.authorize(url(index))).toMatchObject({ status: 200, body: { decision: "Permit" } });
      expect((await box.refresh(url(index))).status).toBe(200);
    }
    expect(await box.authorize(url(0))).toMatchObject({ status: 200, body: { decision: "Permit" } });
  },
);

test("a box is refused in the same words whatever is wrong with it, and challenged like any other", async () => {
  const answers: Answer[] = [];
  for (const who of Object.values(REFUSED)) {
    const box = new SteppingBox(who);
    const challenges = await Promise.all([0, 1].map((index) => box.challenge(url(index), "abcdefgh")));
    const salts = challenges.map(({ body: { serverFirst = "" } }) => serverFirst.split(",").slice(1).join());
    expect(salts[0]).toMatch(/^s=[A-Za-z0-9+/]{22}==,i=4096$/);
    expect(salts[1]).toBe(salts[0]);
    answers.push(await box.prove(url(1)));
  }
  expect(answers[0]?.status).toBe(401);
  for (const answer of answers) expect(answer).toEqual(answers[0]);
});

test("OSS refuses a password that boxes could not prove, and says what to write", async () => {
  const { status, body } = await stack.call("PUT", "/v1/subscribers/s8", { password: "secret \u{1f600}" });
  expect([status, body.errors]).toEqual([400, [expect.stringMatching(/^\/password: must be without .*emoji/)]]);
});

test("what was bought for some devices is denied to the others of the subscriber, at every node", async () => {
  await stack.put("devices/second", { subscriberId: "s9" });
  const bought = { subscriberId: "s9", productOfferingId: "basic", validFrom: "2026-01-01T00:00:00Z" };
  await stack.put("entitlements/e-s9", { ...bought, deviceIds: ["second"] });
  await stack.untilSynced(...nodes);
  const first = await admittedBox(claimant("s9"));
  const second = await admittedBox(claimant("s9", { deviceId: "second" }));
  for (const index of [0, 1]) {
    const denied = { decision: "Deny", reason: "DeviceLimit", entitlement: { id: "e-s9" } };
    expect((await first.authorize(url(index))).body).toMatchObject(denied);
    expect((await second.authorize(url(index))).body).toMatchObject({ decision: "Permit" });
  }
});

test("a proof counts once at a node, also when it comes at the same time", async () => {
  const box = new SteppingBox(claimant("s5"));
  await box.challenge(url(0), nonce());
  const statuses = (await Promise.all(Array.from({ length: 5 }, () => box.prove(url(0))))).map(({ status }) => status);
  expect(statuses.sort()).toEqual([200, 401, 401, 401, 401]);
});

test("an altered proof, nonce, name or device is refused, and none makes a node fail", async () => {
  const { deviceId, subscriberId, password } = claimant("s6");
  const box = new SteppingBox({ deviceId, subscriberId, password });
  await box.challenge(url(0), "abcdefgh");
  const sent = JSON.stringify(box.proof);
  await fc.assert(
    fc.asyncProperty(fc.nat(sent.length - 1), fc.constantFrom(..."aZ09=,+/-_ \u00e9"), async (at, letter) => {
      const altered = sent.slice(0, at) + letter + sent.slice(at + 1);
      fc.pre(altered !== sent);
      const response = await fetch(new URL("/v1/authenticate", url(at)), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: altered,
      });
      expect([400, 401]).toContain(response.status);
      expect(await response.json()).toMatchObject({ status: response.status });
    }),
    { numRuns: 150 },
  );
  expect((await box.prove(url(0))).status).toBe(200);
}, 60_000);

test("a refresh token is refused when subscriber or device is suspended or gone, or the password is another", async () => {
  const change: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
    suspended: (id) => stack.put(`subscribers/${id}`, { status: "suspended" }),
    "device suspended": (id) => stack.put(`devices/box-${id}`, { subscriberId: id, status: "suspended" }),
    "device gone": (id) => stack.call("DELETE", `/v1/devices/box-${id}`),
    "password changed": (id) => stack.put(`subscribers/${id}`, { password: "another" }),
    "device replaced": (id) => stack.put(`devices/box-${id}`, { subscriberId: id, macAddress: MAC }),
  };
  await stack.bulk(population(Object.keys(change).length, "r"));
  await stack.untilSynced(...nodes);
  const boxes = await Promise.all(Object.keys(change).map((_, index) => admittedBox(claimant(`r${index}`))));
  for (const box of boxes) expect((await box.refresh(url(0))).status).toBe(200);
  for (const [index, alter] of Object.values(change).entries()) await alter(`r${index}`);
  await stack.untilSynced(...nodes);
  for (const box of boxes) {
    for (const node of nodes) {
      expect(await box.refresh(node.url)).toMatchObject({ status: 401, body: { title: "invalid token" } });
    }
  }
});

test("an access token refreshes nothing, and a refresh token authorizes nothing", async () => {
  const box = await admittedBox(claimant("s7"));
  expect((await post(url(0), "/v1/authenticate/refresh", { refreshToken: box.accessToken })).status).toBe(401);
  const body = { accessToken: box.refreshToken, service: "channel:news-1" };
  expect((await post(url(0), "/v1/authorize", body)).status).toBe(401);
});

/** What a box may do next, at a node. */
const step = fc.record({
  box: fc.nat(99),
  node: fc.nat(1),
  what: fc.constantFrom("challenge", "prove", "refresh", "authorize"),
});

test("however the steps of boxes are spread and mixed over two nodes, the answers are the same", async () => {
  const everybody = [...Object.values(ADMITTED), ...Object.values(REFUSED)];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const boxes = everybody.map((who) => ({ box: new SteppingBox(who), state: new Expected(isAdmitted(who)) }));
      for (const { box: index, node, what } of steps) {
        const { box, state } = boxes[index % boxes.length] as (typeof boxes)[number];
        const answer = what === "challenge" ? await box.challenge(url(node), nonce()) : await box[what](url(node));
        expect([what, answer.status]).toEqual([what, state.after(what, node)]);
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);

const isAdmitted = (who: Claimant): boolean => Object.values(ADMITTED).includes(who);

/** What a box is answered, by what it did before: which node it asked matters only for a proof that is sent again. */
class Expected {
  readonly #isAdmitted: boolean;
  #spentAt: Set<number> | null = null;
  #hasTokens = false;

  constructor(mayBe: boolean) {
    this.#isAdmitted = mayBe;
  }

  after(what: "challenge" | "prove" | "refresh" | "authorize", node: number): number {
    if (what === "challenge") {
      this.#spentAt = new Set();
      return 200;
    }
    if (what !== "prove") return this.#hasTokens ? 200 : 401;
    if (this.#spentAt === null) return 400;
    if (!this.#isAdmitted || this.#spentAt.has(node)) return 401;
    this.#spentAt.add(node);
    this.#hasTokens = true;
    return 200;
  }
}
