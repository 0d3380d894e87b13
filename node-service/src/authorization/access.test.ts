import { expect, test } from "@jest/globals";
import type { HeldEntitlement } from "../read-model/content.ts";
import type { Known } from "../read-model/read-model.ts";
import type { Account } from "../reads.ts";
import { accessOf, decideAccess, decideAll, mayAuthenticate } from "./access.ts";

const now = Date.parse("2026-11-22T10:00:00Z");
const identity = { subscriberId: "s1", deviceId: "box-1" };
const credential = { scheme: "SCRAM-SHA-256", salt: "", iterations: 4096, storedKey: "", serverKey: "" } as const;
const account: Account = {
  subscriber: { status: "active", credential },
  device: { subscriberId: "s1", status: "active" },
};
const entitlement = (over: Partial<HeldEntitlement> = {}): HeldEntitlement => ({
  id: "e1",
  subscriberId: "s1",
  productOfferingId: "basic",
  validFrom: "2026-01-01T00:00:00Z",
  status: "active",
  ...over,
});
const offerings: Record<string, Set<string>> = { basic: new Set(["news"]), sports: new Set(["football", "news"]) };

const knowing = ({ subscriber, device }: Account, entitlements: readonly HeldEntitlement[]): Known => ({
  account: (id) => ({ id, subscriber: subscriber && { status: subscriber.status, secrets: "" }, entitlements }),
  device: () => device,
  offering: (id) => offerings[id] ?? null,
});

const decide = (who: Account, entitlements: readonly HeldEntitlement[], service = "news") =>
  decideAccess(accessOf(knowing(who, entitlements), identity) ?? [], service, now);

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
  const decision = reason === "Entitled" ? "Permit" : "Deny";
  expect(decide(who, entitlements)).toMatchObject({ decision, reason });
});

test("the first of several entitlements that deny says why", () => {
  const suspended = entitlement({ id: "e1", status: "suspended" });
  const expired = entitlement({ id: "e2", validUntil: "2026-02-01T00:00:00Z" });
  expect(decide(account, [suspended, expired])).toMatchObject({
    reason: "EntitlementSuspended",
    entitlement: suspended,
  });
});

test("a list is answered in its order, and an entitlement that decides for many services is told once", () => {
  const basic = entitlement();
  const sports = entitlement({ id: "e2", productOfferingId: "sports", status: "suspended" });
  const access = accessOf(knowing(account, [basic, sports]), identity) ?? [];
  expect(decideAll(access, ["news", "opera", "football", "news"], now)).toEqual({
    decisions: [
      { service: "news", decision: "Permit", reason: "Entitled", entitlementId: "e1" },
      { service: "opera", decision: "Deny", reason: "NotEntitled" },
      { service: "football", decision: "Deny", reason: "EntitlementSuspended", entitlementId: "e2" },
      { service: "news", decision: "Permit", reason: "Entitled", entitlementId: "e1" },
    ],
    entitlements: [basic, sports],
  });
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
  expect(accessOf(missing, identity)).toBeUndefined();
  expect(asked).toEqual(["basic", "sports"]);
  expect(accessOf({ ...known, account: () => undefined }, identity)).toBeUndefined();
  expect(accessOf({ ...known, device: () => undefined }, identity)).toBeUndefined();
});

test("only an active device of an active subscriber may authenticate", () => {
  expect(mayAuthenticate(account, "s1")).toBe(true);
  expect(mayAuthenticate(account, "s2")).toBe(false);
  expect(mayAuthenticate({ ...account, device: null }, "s1")).toBe(false);
});
