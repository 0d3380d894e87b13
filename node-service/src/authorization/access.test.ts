import { expect, test } from "@jest/globals";
import type { Account, HeldEntitlement } from "../reads.ts";
import { decideAccess, mayAuthenticate } from "./access.ts";

const now = new Date("2026-11-22T10:00:00Z");
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

test.each([
  ["an entitlement that is valid now permits", account, [entitlement()], "Entitled"],
  ["no entitlement denies", account, [], "NotEntitled"],
  ["an expired one denies", account, [entitlement({ validUntil: "2026-11-22T10:00:00Z" })], "EntitlementExpired"],
  ["one for later denies", account, [entitlement({ validFrom: "2026-11-22T10:00:01Z" })], "EntitlementNotYetValid"],
  ["a suspended one denies", account, [entitlement({ status: "suspended" })], "EntitlementSuspended"],
  ["one for other devices denies", account, [entitlement({ deviceIds: ["box-2", "box-3"] })], "DeviceLimit"],
  ["one for this device and others permits", account, [entitlement({ deviceIds: ["box-2", "box-1"] })], "Entitled"],
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
  expect(decideAccess(who, entitlements, { subscriberId: "s1", deviceId: "box-1" }, now)).toMatchObject({
    decision,
    reason,
  });
});

test("only an active device of an active subscriber may authenticate", () => {
  expect(mayAuthenticate(account, "s1")).toBe(true);
  expect(mayAuthenticate(account, "s2")).toBe(false);
  expect(mayAuthenticate({ ...account, device: null }, "s1")).toBe(false);
});
