import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { Sieve } from "./sieve.ts";

test("what is used stays, and what was only put there goes first, the oldest before the others", () => {
  const removed: string[] = [];
  const sieve = new Sieve<string>(30, (value) => removed.push(value));
  for (const key of ["a", "b", "c"]) sieve.set(key, key, 10);
  expect(sieve.get("a")).toBe("a");
  sieve.set("d", "d", 10);
  sieve.makeRoom();
  sieve.set("e", "e", 10);
  sieve.makeRoom();
  expect(removed).toEqual(["b", "c"]);
  expect(["a", "b", "c", "d", "e"].filter((key) => sieve.get(key) !== undefined)).toEqual(["a", "d", "e"]);
});

test("keys that are asked for once do not drive out those in use", () => {
  const sieve = new Sieve<number>(100);
  for (let key = 0; key < 50; key += 1) sieve.set(`used-${key}`, key, 1);
  for (let stranger = 0; stranger < 10_000; stranger += 1) {
    for (let key = 0; key < 50; key += 1) sieve.get(`used-${key}`);
    sieve.set(`stranger-${stranger}`, stranger, 1);
    sieve.makeRoom();
  }
  expect(Array.from({ length: 50 }, (_, key) => sieve.get(`used-${key}`))).not.toContain(undefined);
});

test("what is put there after room was made stays, however heavy it is, until room is made again", () => {
  const sieve = new Sieve<string>(10);
  sieve.makeRoom();
  sieve.set("heavy", "heavy", 1_000);
  expect(sieve.get("heavy")).toBe("heavy");
  sieve.makeRoom();
  expect(sieve.size).toBe(0);
});

test("whatever is done, it holds what was put there and is right, weighs what it holds, and tells of all it has let go", () => {
  const key = fc.constantFrom("a", "b", "c", "d", "e", "f");
  const step = fc.oneof(
    fc.record({ what: fc.constant("set" as const), key, weight: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ what: fc.constantFrom("get" as const, "delete" as const), key }),
    fc.record({ what: fc.constantFrom("makeRoom" as const, "clear" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const held = new Map<number, { key: string; weight: number }>();
      const sieve = new Sieve<number>(20, (value) => held.delete(value));
      for (const [value, step] of steps.entries()) {
        if (step.what === "get") {
          const found = sieve.get(step.key);
          expect(found === undefined ? undefined : held.get(found)?.key).toBe(
            found === undefined ? undefined : step.key,
          );
        } else if (step.what === "set") {
          sieve.set(step.key, value, step.weight);
          held.set(value, step);
        } else if (step.what === "delete") sieve.delete(step.key);
        else sieve[step.what]();
        const weights = [...held.values()].map(({ weight }) => weight);
        const weight = weights.reduce((sum, each) => sum + each, 0);
        expect([sieve.size, sieve.weight]).toEqual([held.size, weight]);
        if (step.what === "makeRoom") expect(weight).toBeLessThanOrEqual(20);
      }
    }),
  );
});
