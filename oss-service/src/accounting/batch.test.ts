import { encode } from "@aaa-cluster/contract";
import { expect, test } from "@jest/globals";
import { type Delivery, partsOf, readDelivery } from "./batch.ts";

const message = (number: number): Buffer =>
  encode({
    recordId: `s1/box-1/session-1/Stop/${number}`,
    partition: "tv-aaa-0",
    subscriberId: "s1",
    deviceId: "box-1",
    acctSessionId: "session-1",
    acctStatusType: "Stop",
    accountingRecordNumber: number,
    service: "channel:news-1",
    eventTime: "2026-01-31T00:00:00Z",
  });

test("a message that is no record is poison with what is wrong with it", () => {
  expect(readDelivery(Buffer.from("garbage"))).toMatchObject({ kind: "poison", reason: "the message is not JSON" });
  expect(readDelivery(Buffer.from("{}"))).toMatchObject({
    kind: "poison",
    reason: expect.stringMatching(/^must have/),
  });
});

test("of deliveries that the database refuses, the one that it refuses alone becomes poison, and no other", () => {
  const deliveries = [1, 2, 3, 4, 5].map((number) => readDelivery(message(number)));
  const bad = deliveries[3];
  const stored: Delivery[] = [];
  const store = (some: readonly Delivery[]): void => {
    if (bad !== undefined && some.includes(bad)) for (const part of partsOf(some, new Error("refused"))) store(part);
    else stored.push(...some);
  };
  store(deliveries);
  expect(stored.map(({ kind }) => kind)).toEqual(["record", "record", "record", "poison", "record"]);
  expect(stored.map(({ body }) => body)).toEqual(deliveries.map(({ body }) => body));
});

test("a refusal that no record explains is passed on", () => {
  const poison = readDelivery(Buffer.from("garbage"));
  expect(() => partsOf([poison], new Error("refused"))).toThrow("refused");
  expect(() => partsOf([], new Error("refused"))).toThrow("refused");
});
