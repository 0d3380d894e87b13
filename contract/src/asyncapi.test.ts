import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { Compile } from "typebox/compile";
import { asyncapi } from "./asyncapi.ts";
import { ASYNCAPI_FILE, asyncapiText } from "./generate.ts";

type Json = Record<string, unknown>;
const document = JSON.parse(JSON.stringify(asyncapi())) as Json;

/** Every reference of a value. */
function referencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => (key === "$ref" ? [String(member)] : referencesIn(member)));
}

const resolve = (reference: string): unknown =>
  reference
    .slice(2)
    .split("/")
    .reduce<unknown>((at, key) => (at as Json | undefined)?.[key], document);

test("docs/asyncapi.json is what the contract generates (if not: make asyncapi)", () => {
  expect(readFileSync(ASYNCAPI_FILE, "utf8")).toBe(asyncapiText());
});

test("every reference leads somewhere", () => {
  const references = new Set(referencesIn(document));
  expect(references.size).toBeGreaterThan(20);
  expect([...references].filter((reference) => resolve(reference) === undefined)).toEqual([]);
});

test("a reader that has only the document tells an event from what is none", () => {
  const schema = (name: string): Json => resolve(`#/components/schemas/${name}`) as Json;
  const [, own] = schema("DeviceEvent").allOf as [Json, { properties: { payload: { anyOf: Json[] } } }];
  const payload = { ...own.properties.payload, anyOf: [schema("Device"), { type: "null" }] };
  const isEvent = Compile({
    allOf: [schema("EventEnvelope"), { ...own, properties: { ...own.properties, payload } }],
  });
  const event = {
    eventId: "one",
    epoch: "7",
    sequence: "11",
    eventTime: "2026-01-31T00:00:00Z",
    eventType: "DeviceCreateEvent",
    entity: "Device",
    entityId: "box-1",
    entityVersion: "1",
    payload: { subscriberId: "s1", status: "active" },
  };
  expect(isEvent.Check(event)).toBe(true);
  expect(isEvent.Check({ ...event, payload: null, colour: "red" })).toBe(true);
  for (const wrong of [{ sequence: 11 }, { entity: "Subscriber" }, { payload: { status: "active" } }]) {
    expect(isEvent.Check({ ...event, ...wrong })).toBe(false);
  }
});
