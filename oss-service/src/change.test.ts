import { expect, test } from "@jest/globals";
import { type Change, eventOf, inBroadcastOrder, referencesOf } from "./change.ts";

const now = new Date("2026-11-22T10:00:00Z");
const device: Change = { entity: "Device", id: "d", payload: { subscriberId: "s", status: "active" } };
const subscriber: Change = { entity: "Subscriber", id: "s", payload: { status: "active" } };
const offering: Change = { entity: "ProductOffering", id: "o", payload: { name: "O", services: [] } };
const remove = ({ entity, id }: Change): Change => ({ entity, id, payload: null });
const typeOf = (change: Change, payload: Record<string, unknown> | null, version = 3n): string =>
  eventOf(change, { version, payload }, "id", now).eventType;

test("what others refer to is broadcast first and deleted last", () => {
  const changes = [remove(subscriber), device, remove(device), subscriber, offering];
  expect(inBroadcastOrder(changes)).toEqual([offering, subscriber, device, remove(device), remove(subscriber)]);
});

test("an event is named after what changed", () => {
  expect(typeOf(device, null, 0n)).toBe("DeviceCreateEvent");
  expect(typeOf(device, { subscriberId: "s", status: "suspended" })).toBe("DeviceStateChangeEvent");
  expect(typeOf(device, { subscriberId: "t", status: "active" })).toBe("DeviceAttributeValueChangeEvent");
  expect(typeOf(remove(device), { subscriberId: "s", status: "active" })).toBe("DeviceDeleteEvent");
});

test("an entity made again after it was deleted goes on with its version", () => {
  expect(eventOf(device, { version: 4n, payload: null }, "id", now)).toMatchObject({
    eventType: "DeviceCreateEvent",
    entityVersion: "5",
  });
});

test("a subscriber keeps its credential unless a new password comes", () => {
  const credential = {
    scheme: "SCRAM-SHA-256",
    salt: "c2FsdA==",
    iterations: 4096,
    storedKey: "",
    serverKey: "",
  } as const;
  const before = { version: 1n, payload: { status: "active", credential: "old" } };
  expect(eventOf(subscriber, before, "id", now).payload).toEqual({ status: "active", credential: "old" });
  const renewed: Change = { ...subscriber, payload: { status: "active", credential } };
  expect(eventOf(renewed, before, "id", now).payload).toEqual({ status: "active", credential });
});

test("every reference is looked up once", () => {
  const entitlement: Change = {
    entity: "Entitlement",
    id: "e",
    payload: { subscriberId: "s", productOfferingId: "o", validFrom: now.toISOString(), status: "active" },
  };
  expect(referencesOf([device, entitlement, remove(device)])).toEqual([
    { entity: "Subscriber", id: "s" },
    { entity: "ProductOffering", id: "o" },
  ]);
});
