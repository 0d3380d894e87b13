import { encodeEvents, type WrittenEvent } from "@aaa-cluster/contract";
import { expect, test } from "@jest/globals";
import { messagesOf, takenAt } from "./relay-messages.ts";

const events = (count: number, body = '{"eventId":"e"}'): WrittenEvent[] =>
  Array.from({ length: count }, (_, index) => ({ sequence: BigInt(index + 1), body }));
const sizes = (list: readonly WrittenEvent[]): number[] => messagesOf(list).map(({ length }) => length);

test("events that wait together go in one message, of 256 at most, in their order", () => {
  expect(sizes([])).toEqual([]);
  expect(sizes(events(1))).toEqual([1]);
  expect(sizes(events(600))).toEqual([256, 256, 88]);
  expect(messagesOf(events(600)).flat()).toEqual(events(600));
});

test("a message has no more than 128 KiB, unless one event alone is larger", () => {
  const large = `{"eventId":"${"x".repeat(60_000)}"}`;
  expect(sizes(events(5, large))).toEqual([2, 2, 1]);
  const huge = `{"eventId":"${"x".repeat(200_000)}"}`;
  expect(sizes([...events(2), ...events(1, huge), ...events(2)])).toEqual([2, 1, 2]);
});

test("an event is what OSS has written, with its place", () => {
  const message = encodeEvents(7n, [
    { sequence: 11n, body: '{"eventId":"a"}' },
    { sequence: 12n, body: '{"eventId":"b"}' },
  ]);
  expect(JSON.parse(message.toString())).toEqual([
    { epoch: "7", sequence: "11", eventId: "a" },
    { epoch: "7", sequence: "12", eventId: "b" },
  ]);
});

test("when a change was taken is read from its text, and not from what the entity says", () => {
  const body = { eventId: 'x"eventTime":', eventTime: "2026-01-31T00:00:00.125Z", payload: { eventTime: "never" } };
  expect(takenAt(JSON.stringify(body))).toBe(Date.parse("2026-01-31T00:00:00.125Z"));
});
