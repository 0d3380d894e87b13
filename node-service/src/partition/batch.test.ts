import { expect, test } from "@jest/globals";
import { type Broadcast, planBatch, readAll } from "./batch.ts";

const event = (sequence: number, over: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      eventId: `event-${sequence}`,
      epoch: "7",
      sequence: String(sequence),
      eventTime: "2026-01-31T00:00:00Z",
      eventType: "DeviceAttributeValueChangeEvent",
      entity: "Device",
      entityId: "box-1",
      entityVersion: String(sequence),
      payload: { subscriberId: "s1", status: "active" },
      ...over,
    }),
  );
const read = (...bodies: readonly Buffer[]): Broadcast[] => bodies.flatMap(readAll);
const from = { epoch: 7n, sequence: 10n };

test("several changes of one entity become one upsert with the newest state", () => {
  const plan = planBatch(from, read(event(11), event(12), event(13, { entityId: "box-2" })));
  expect(plan.upserts.map(({ entityId, entityVersion }) => [entityId, entityVersion])).toEqual([
    ["box-1", "12"],
    ["box-2", "13"],
  ]);
  expect(plan).toMatchObject({ to: { epoch: 7n, sequence: 13n }, taken: 3, dropped: 0 });
});

test("duplicates are taken and change nothing", () => {
  const plan = planBatch(from, read(event(9), event(10)));
  expect(plan).toMatchObject({ to: from, taken: 2, dropped: 2, upserts: [], poison: [] });
});

test("a plan ends before the first gap", () => {
  const plan = planBatch(from, read(event(11), event(13), event(14)));
  expect(plan).toMatchObject({ to: { epoch: 7n, sequence: 11n }, taken: 1 });
});

test("a plan ends where OSS tells its digest of exactly that place, which a digest of another place does not prove", () => {
  const position = (sequence: number, digest?: string): Buffer =>
    Buffer.from(
      JSON.stringify({
        eventType: "StreamPosition",
        epoch: "7",
        originEpoch: "1",
        sequence: String(sequence),
        head: "20",
        ...(digest === undefined ? {} : { digest }),
      }),
    );
  const digest = "0123456789abcdef";
  expect(planBatch(from, read(event(11), position(11, digest), event(12)))).toMatchObject({
    to: { sequence: 11n },
    taken: 2,
    proof: digest,
  });
  expect(planBatch(from, read(event(11), position(10, digest), position(11), event(12)))).toMatchObject({
    to: { sequence: 12n },
    taken: 4,
    proof: null,
  });
});

test("a message that cannot be decoded takes its place in the stream when that can be read", () => {
  const plan = planBatch(from, read(event(11, { entity: "no entity" }), event(12)));
  expect(plan).toMatchObject({ to: { sequence: 12n }, taken: 2 });
  expect(plan.poison).toMatchObject([{ reason: expect.stringMatching(/^\/entity: /) }]);
});

test("a position that cannot be decoded takes no place: it would hide that an event is missing", () => {
  const position = Buffer.from(JSON.stringify({ eventType: "StreamPosition", epoch: "7", sequence: "11" }));
  const plan = planBatch(from, read(position, event(12)));
  expect(plan).toMatchObject({ to: from, taken: 1, poison: [{ place: null }] });
});

test("an event of a type that this version does not know is applied by its payload", () => {
  const plan = planBatch(from, read(event(11, { eventType: "DeviceTeleportedEvent" }), event(12, { payload: null })));
  expect(plan).toMatchObject({ to: { sequence: 12n }, poison: [], unknown: 0 });
  expect(plan.upserts).toMatchObject([{ entityVersion: "12", payload: null }]);
  const [teleported] = planBatch(from, read(event(11, { eventType: "DeviceTeleportedEvent" }))).upserts;
  expect(teleported?.payload).toEqual({ subscriberId: "s1", status: "active" });
});

test("an entity that this version does not know takes its place and is kept as it is", () => {
  const quota = { entity: "Quota", eventType: "QuotaCreateEvent", entityId: "q1", payload: { streams: 3 } };
  const plan = planBatch(from, read(event(11, quota), event(12)));
  expect(plan).toMatchObject({ to: { sequence: 12n }, taken: 2, unknown: 1, poison: [] });
  expect(plan.upserts).toMatchObject([{ entity: "Quota", payload: { streams: 3 } }, { entity: "Device" }]);
});

test("a message without a readable place is set aside and moves nothing", () => {
  const plan = planBatch(from, read(Buffer.from("\x00garbage")));
  expect(plan).toMatchObject({ to: from, taken: 1 });
  expect(plan.poison).toMatchObject([{ reason: "the message is not JSON", place: null }]);
});

test("a message of several events is read as each of them would be, and one that is broken spoils no other", () => {
  const events = [event(11), event(12, { entity: "no entity" }), event(13, { payload: { status: "on" } }), event(14)];
  const message = Buffer.from(`[${events.join(",")}]`);
  expect(read(message)).toEqual(read(...events));
  const plan = planBatch(from, read(message));
  expect(plan).toMatchObject({ to: { sequence: 14n }, taken: 4 });
  expect(plan.poison.map(({ place }) => place?.sequence)).toEqual([12n, 13n]);
  expect(JSON.parse(String(plan.poison[0]?.body))).toMatchObject({ eventId: "event-12" });
});

test("a message without any event is set aside", () => {
  expect(read(Buffer.from("[]"))).toMatchObject([{ kind: "poison", reason: "the message has no event", place: null }]);
});

test("a member that this version does not know is kept, not refused", () => {
  const [broadcast] = read(event(11, { payload: { subscriberId: "s1", status: "active", colour: "red" } }));
  expect(broadcast).toMatchObject({ kind: "event", event: { payload: { colour: "red" } } });
});

test("a payload that breaks the contract is poison that says where", () => {
  expect(read(event(11, { payload: { subscriberId: "s1", status: "on" } }))).toMatchObject([
    { kind: "poison", reason: '/payload/status: must be one of "active", "suspended"' },
  ]);
});
