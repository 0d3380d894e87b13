import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { isKept, type Kept, Sieve } from "./sieve.ts";

interface Thing extends Kept {
  readonly name: string;
  readonly weight: number;
}

const thing = (name: string, weight: number): Thing => ({ name, weight, mark: "kept" });
const sieveOf = (limit: number, onRemoved?: (value: Thing) => void): Sieve<Thing> =>
  new Sieve(limit, ({ weight }) => weight, onRemoved);

test("what is used stays, and what was only put there goes first, the oldest before the others", () => {
  const removed: string[] = [];
  const sieve = sieveOf(30, ({ name }) => removed.push(name));
  for (const key of ["a", "b", "c"]) sieve.set(key, thing(key, 10));
  expect(sieve.get("a")?.name).toBe("a");
  sieve.set("d", thing("d", 10));
  sieve.makeRoom();
  sieve.set("e", thing("e", 10));
  sieve.makeRoom();
  expect(removed).toEqual(["b", "c"]);
  expect(["a", "b", "c", "d", "e"].filter((key) => sieve.get(key) !== undefined)).toEqual(["a", "d", "e"]);
});

test("keys that are asked for once do not drive out those in use", () => {
  const sieve = sieveOf(100);
  for (let key = 0; key < 50; key += 1) sieve.set(`used-${key}`, thing("used", 1));
  for (let stranger = 0; stranger < 10_000; stranger += 1) {
    for (let key = 0; key < 50; key += 1) sieve.get(`used-${key}`);
    sieve.set(`stranger-${stranger}`, thing("stranger", 1));
    sieve.makeRoom();
  }
  expect(Array.from({ length: 50 }, (_, key) => sieve.get(`used-${key}`))).not.toContain(undefined);
});

test("who holds values knows whether they are still there, and keeps them there by that, as if it had asked for them", () => {
  const sieve = sieveOf(20);
  const [a, b] = [thing("a", 10), thing("b", 10)];
  sieve.set("a", a);
  sieve.set("b", b);
  expect(isKept(a)).toBe(true);
  sieve.set("c", thing("c", 10));
  sieve.makeRoom();
  expect([isKept(a), isKept(b)]).toEqual([true, false]);
});

test("what is put there after room was made stays, however heavy it is, until room is made again", () => {
  const sieve = sieveOf(10);
  sieve.makeRoom();
  sieve.set("heavy", thing("heavy", 1_000));
  expect(sieve.get("heavy")?.name).toBe("heavy");
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
      const held = new Map<Thing, string>();
      const all: Thing[] = [];
      const sieve = sieveOf(20, (value) => held.delete(value));
      for (const step of steps) {
        if (step.what === "get") {
          const found = sieve.get(step.key);
          expect(found && held.get(found)).toBe(found && step.key);
        } else if (step.what === "set") {
          const value = thing(step.key, step.weight);
          all.push(value);
          sieve.set(step.key, value);
          held.set(value, step.key);
        } else if (step.what === "delete") sieve.delete(step.key);
        else sieve[step.what]();
        expect(all.filter((value) => value.mark !== "gone")).toEqual([...held.keys()]);
        const weights = [...held.keys()].map(({ weight }) => weight);
        const weight = weights.reduce((sum, each) => sum + each, 0);
        expect([sieve.size, sieve.weight]).toEqual([held.size, weight]);
        if (step.what === "makeRoom") expect(weight).toBeLessThanOrEqual(20);
      }
    }),
  );
});
