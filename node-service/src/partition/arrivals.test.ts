import { expect, test } from "@jest/globals";
import type { ConsumeMessage } from "amqplib";
import { Arrivals } from "./arrivals.ts";

const message = (...sequences: readonly number[]): ConsumeMessage =>
  ({ content: Buffer.from(JSON.stringify(sequences.map((sequence) => ({ sequence })))) }) as ConsumeMessage;

const read = (arrivals: Arrivals, count: number): unknown[] =>
  arrivals.first(count).map(({ broadcast, isLast }) => {
    const { sequence } = JSON.parse(broadcast.kind === "poison" ? broadcast.body.toString() : "{}");
    return isLast ? `${sequence}.` : sequence;
  });

test("what messages hold comes in their order, and the last of each says so", () => {
  const arrivals = new Arrivals(10);
  expect(arrivals.isEmpty).toBe(true);
  arrivals.push(message(1, 2), 0);
  arrivals.push(message(3), 0);
  expect(read(arrivals, 10)).toEqual([1, "2.", "3."]);
  expect(read(arrivals, 2)).toEqual([1, "2."]);
  arrivals.drop(1);
  expect(read(arrivals, 10)).toEqual(["2.", "3."]);
  expect(arrivals).toMatchObject({ isEmpty: false, messages: 2 });
});

test("no more is read than is needed soon, and the rest when that is taken", () => {
  const arrivals = new Arrivals(2);
  for (const sequence of [1, 2, 3, 4]) arrivals.push(message(sequence), 0);
  expect(read(arrivals, 10)).toEqual(["1.", "2."]);
  expect(arrivals.messages).toBe(4);
  arrivals.drop(1);
  arrivals.readAhead();
  expect(read(arrivals, 10)).toEqual(["2.", "3."]);
  expect(arrivals.messages).toBe(3);
  arrivals.drop(2);
  arrivals.readAhead();
  expect(read(arrivals, 10)).toEqual(["4."]);
});
