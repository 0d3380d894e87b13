import { expect, test } from "@jest/globals";
import { type Change, violations } from "./leader-history.ts";

const lease = (holder: string | undefined, term: number) => ({ lease: { holder, term } });
const write = (identity: string, term: number, count: number) => ({ write: { identity, term, count } });

/** In the given order. */
function history(...changes: (ReturnType<typeof lease> | ReturnType<typeof write>)[]): Change[] {
  return changes.map((change, revision) => ({ revision, ...change }));
}

test("a history in which one leads at a time has no violations", () => {
  const given = [lease("a", 0), write("a", 0, 0), lease("a", 0), write("a", 0, 1), lease(undefined, 0), lease("b", 1)];
  expect(violations(history(...given, write("b", 1, 7), lease("a", 2), write("a", 2, 2)))).toEqual([]);
});

test.each([
  ["a standby that writes", [lease("a", 0), write("b", 0, 0)], "b wrote 0 in term 0 while a led in term 0"],
  ["a write before anybody leads", [write("a", 0, 0)], "a wrote 0 in term 0 while undefined led in term -1"],
  ["a write after a release", [lease("a", 0), lease(undefined, 0), write("a", 0, 0)], "while undefined led"],
  ["a late write", [lease("a", 0), lease("b", 1), write("a", 0, 0)], "a wrote 0 in term 0 while b led in term 1"],
  ["a write out of order", [lease("a", 0), write("a", 0, 1), write("a", 0, 0)], "wrote 0 in term 0 after 1 in term 0"],
  ["a holder without a new term", [lease("a", 0), lease("b", 0)], "b has term 0 after a had 0"],
  ["a term that goes back", [lease("a", 3), lease("b", 2)], "b has term 2 after a had 3"],
  ["a term that changes while it lasts", [lease("a", 0), lease("a", 1)], "a has term 1 after a had 0"],
])("the judge sees %s", (_, changes, violation) => {
  expect(violations(history(...changes)).join("\n")).toContain(violation);
});
