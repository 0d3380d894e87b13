import { expect, test } from "@jest/globals";
import { groupOf } from "./group.ts";

const member = (name: string, ...ids: readonly string[]) => ({
  name,
  writes: ids.map((id) => ({ entity: "Device" as const, id, decide: () => null })),
});
const names = (waiting: readonly ReturnType<typeof member>[]): string[] => groupOf(waiting).map(({ name }) => name);

test("requests of different entities are one group, in their order", () => {
  expect(names([member("1", "a"), member("2", "b", "c"), member("3", "d")])).toEqual(["1", "2", "3"]);
  expect(names([])).toEqual([]);
});

test("a request waits for an earlier one of the same entity, also for one that waits itself", () => {
  expect(names([member("1", "a"), member("2", "a", "b"), member("3", "b"), member("4", "c")])).toEqual(["1", "4"]);
});

test("a group has 200 requests at most", () => {
  const waiting = Array.from({ length: 300 }, (_, index) => member(String(index), `box-${index}`));
  expect(groupOf(waiting)).toEqual(waiting.slice(0, 200));
});
