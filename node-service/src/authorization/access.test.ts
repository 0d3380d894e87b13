import type { Entitlement } from "@aaa-cluster/contract";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { findPieces, type Row } from "../read-model/content.ts";
import type { Known } from "../read-model/read-model.ts";
import { isKept, type Kept } from "../read-model/sieve.ts";
import type { Account } from "../reads.ts";
import { type Access, accessOf, decideAccess, decideAll, holds, mayAuthenticate } from "./access.ts";
import { answerOf, listAnswerOf } from "./answers.ts";

const now = Date.parse("2026-11-22T10:00:00Z");
const identity = { subscriberId: "s1", deviceId: "box-1" };
const credential = { scheme: "SCRAM-SHA-256", salt: "", iterations: 4096, storedKey: "", serverKey: "" } as const;
const account: Account = {
  subscriber: { status: "active", credential },
  device: { subscriberId: "s1", status: "active" },
};
type Held = Entitlement & { readonly id: string };
const entitlement = (over: Partial<Held> = {}): Held => ({
  id: "e1",
  subscriberId: "s1",
  productOfferingId: "basic",
  validFrom: "2026-01-01T00:00:00Z",
  status: "active",
  ...over,
});
const offerings = { basic: ["news"], sports: ["football", "news"] };

const rowOf = (entity: string, id: string, payload: object | null): Row[] =>
  payload === null ? [] : [{ entity, id, payload }];

function knowing({ subscriber, device }: Account, entitlements: readonly Held[]): Known {
  const rows = [
    rowOf("Subscriber", "s1", subscriber),
    rowOf("Device", "box-1", device),
    ...entitlements.map(({ id, ...payload }) => rowOf("Entitlement", id, payload)),
    ...Object.entries(offerings).map(([id, services]) => rowOf("ProductOffering", id, { name: id, services })),
  ].flat();
  const ids = { accounts: ["s1"], devices: ["box-1"], offerings: [...Object.keys(offerings), "gone"] };
  const keys = { accounts: new Set(ids.accounts), devices: new Set(ids.devices), offerings: new Set(ids.offerings) };
  const found = findPieces(keys, rows);
  return {
    account: (id) => found.accounts.get(id),
    device: (id) => found.devices.get(id),
    offering: (id) => found.offerings.get(id),
    stillKnows: isKept,
  };
}

function decide(who: Account, entitlements: readonly Held[], service = "news") {
  const access = accessOf(knowing(who, entitlements), identity, now);
  return access && decideAccess(access, service);
}

test.each([
  ["an entitlement that is valid now permits", account, [entitlement()], "Entitled"],
  ["no entitlement denies", account, [], "NotEntitled"],
  ["an expired one denies", account, [entitlement({ validUntil: "2026-11-22T10:00:00Z" })], "EntitlementExpired"],
  ["one for later denies", account, [entitlement({ validFrom: "2026-11-22T10:00:01Z" })], "EntitlementNotYetValid"],
  ["a suspended one denies", account, [entitlement({ status: "suspended" })], "EntitlementSuspended"],
  ["one for other devices denies", account, [entitlement({ deviceIds: ["box-2", "box-3"] })], "DeviceLimit"],
  ["one for this device and others permits", account, [entitlement({ deviceIds: ["box-2", "box-1"] })], "Entitled"],
  ["one to an offering that is gone denies", account, [entitlement({ productOfferingId: "gone" })], "NotEntitled"],
  [
    "one valid entitlement among others permits",
    account,
    [entitlement({ status: "suspended" }), entitlement()],
    "Entitled",
  ],
  [
    "a suspended subscriber is denied",
    { ...account, subscriber: { status: "suspended", credential } },
    [entitlement()],
    "SubscriberNotActive",
  ],
  ["a deleted subscriber is denied", { ...account, subscriber: null }, [entitlement()], "SubscriberNotActive"],
  [
    "a suspended device is denied",
    { ...account, device: { subscriberId: "s1", status: "suspended" } },
    [entitlement()],
    "DeviceNotActive",
  ],
  [
    "a device that moved to another subscriber is denied",
    { ...account, device: { subscriberId: "s2", status: "active" } },
    [entitlement()],
    "DeviceNotActive",
  ],
] as const)("%s", (_name, who, entitlements, reason) => {
  expect(decide(who, entitlements)).toMatchObject({ reason });
});

test("the first of several entitlements that deny says why", () => {
  const suspended = entitlement({ id: "e1", status: "suspended" });
  const expired = entitlement({ id: "e2", validUntil: "2026-02-01T00:00:00Z" });
  expect(decide(account, [expired, suspended])).toMatchObject({
    reason: "EntitlementSuspended",
    entitlement: { id: "e1" },
  });
});

test("a decision is told as JSON, with the entitlement as OSS wrote it", () => {
  const limited = entitlement({ validUntil: "2027-01-01T00:00:00.5+02:00", deviceIds: ["box-1", "\u2028\"'\\"] });
  const told = (decision: ReturnType<typeof decide>) => decision && JSON.parse(answerOf(decision));
  expect(told(decide(account, [limited]))).toEqual({ decision: "Permit", reason: "Entitled", entitlement: limited });
  expect(told(decide(account, [], "opera"))).toEqual({ decision: "Deny", reason: "NotEntitled" });
});

test("a list is answered in its order, and an entitlement that decides for many services is told once", () => {
  const basic = entitlement();
  const sports = entitlement({ id: "e2", productOfferingId: "sports", status: "suspended" });
  const access = accessOf(knowing(account, [basic, sports]), identity, now);
  const decided = access && decideAll(access, ["news", "opera", "football", "news"]);
  expect(decided && JSON.parse(listAnswerOf(decided))).toEqual({
    decisions: [
      { service: "news", decision: "Permit", reason: "Entitled", entitlementId: "e1" },
      { service: "opera", decision: "Deny", reason: "NotEntitled" },
      { service: "football", decision: "Deny", reason: "EntitlementSuspended", entitlementId: "e2" },
      { service: "news", decision: "Permit", reason: "Entitled", entitlementId: "e1" },
    ],
    entitlements: [basic, sports],
  });
});

test("what was found out holds until a piece that it follows from is gone, whichever it is", () => {
  const known = knowing(account, [entitlement(), entitlement({ id: "e2", productOfferingId: "sports" })]);
  const access = accessOf(known, identity, now) as Access;
  const pieces = [known.account("s1"), known.device("box-1"), known.offering("basic"), known.offering("sports")];
  for (const piece of pieces as Kept[]) {
    expect(holds(access, known, now)).toBe(true);
    piece.mark = "gone";
    expect(holds(access, known, now)).toBe(false);
    piece.mark = "kept";
  }
});

test("what was found out holds until an entitlement begins or ends to be valid, and is right whatever the time", () => {
  const turns = fc.array(fc.integer({ min: -3_000, max: 3_000 }), { maxLength: 3 });
  const steps = fc.array(fc.integer({ min: -4_000, max: 4_000 }), { minLength: 1, maxLength: 20 });
  const at = (turn: number): string => new Date(now + turn).toISOString();
  fc.assert(
    fc.property(turns, steps, (starts, times) => {
      const known = knowing(
        account,
        starts.map((start, index) =>
          entitlement({ id: `e${index}`, validFrom: at(start), validUntil: at(start + 1_500) }),
        ),
      );
      let access = accessOf(known, identity, now) as Access;
      for (const step of times) {
        const time = now + step;
        const fresh = accessOf(known, identity, time) as Access;
        if (!holds(access, known, time)) access = fresh;
        expect(decideAccess(access, "news")).toEqual(decideAccess(fresh, "news"));
      }
    }),
  );
  const forever = accessOf(knowing(account, [entitlement()]), identity, now) as Access;
  expect(holds(forever, knowing(account, []), now + 365 * 86_400_000)).toBe(true);
});

test("nothing is said before everything is known, and all that is missing is asked for at once", () => {
  const asked: string[] = [];
  const known = knowing(account, [entitlement(), entitlement({ id: "e2", productOfferingId: "sports" })]);
  const missing: Known = {
    ...known,
    offering: (id) => {
      asked.push(id);
      return undefined;
    },
  };
  expect(accessOf(missing, identity, now)).toBeUndefined();
  expect(asked).toEqual(["basic", "sports"]);
  expect(accessOf({ ...known, account: () => undefined }, identity, now)).toBeUndefined();
  expect(accessOf({ ...known, device: () => undefined }, identity, now)).toBeUndefined();
});

test("only an active device of an active subscriber may authenticate", () => {
  expect(mayAuthenticate(account, "s1")).toBe(true);
  expect(mayAuthenticate(account, "s2")).toBe(false);
  expect(mayAuthenticate({ ...account, device: null }, "s1")).toBe(false);
});
