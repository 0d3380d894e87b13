import { createHash } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Derive, rotatedKeys, signingKeys } from "./signing-keys.ts";

interface Key {
  readonly kid: string;
  readonly k: string;
  readonly nbf?: number;
}

const WEEK_MS = 7 * 86_400_000;
const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 0, 3);
const deriveFrom =
  (root: string): Derive =>
  (purpose, bytes) =>
    createHash("sha256").update(`${root} ${purpose}`).digest().subarray(0, bytes).toString("base64url");
const derive = deriveFrom("root");
const at = (time: number): string => signingKeys(derive, new Date(time));
const rotated = (text: string, time: number, from = derive): string => rotatedKeys(text, from, new Date(time)) ?? text;
const keysOf = (text: string): Key[] => (JSON.parse(text) as { keys: Key[] }).keys;
const signing = (text: string): Key[] => keysOf(text).filter(({ nbf }) => nbf !== undefined);
/** The key that a node signs with. */
const signer = (text: string, time: number): string | undefined =>
  signing(text)
    .filter(({ nbf = 0 }) => nbf <= time / 1000)
    .sort((a, b) => (b.nbf ?? 0) - (a.nbf ?? 0))[0]?.kid;

test("keys are of 32 bytes, each with a name of its own, and the first is the one that signs", () => {
  const keys = keysOf(at(NOW));
  expect(keys).toHaveLength(4);
  expect(new Set(keys.flatMap(({ kid, k }) => [kid, k])).size).toBe(8);
  for (const key of keys) {
    expect(key).toMatchObject({ kty: "oct", alg: "HS256" });
    expect(Buffer.from(key.k, "base64url")).toHaveLength(32);
    expect(Buffer.from(key.kid, "base64url")).toHaveLength(8);
  }
  expect(signer(at(NOW), NOW)).toBe(keys[0]?.kid);
});

test("a set that is as it shall be is left alone", () => {
  expect(rotatedKeys(at(NOW), derive, new Date(NOW))).toBeNull();
});

test("whenever the operator looks, a set that was deleted comes back as it was", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20 * WEEK_MS), { minLength: 1, maxLength: 30 }), (moments) => {
      let text = at(NOW);
      for (const moment of moments.sort((a, b) => a - b)) text = rotated(text, NOW + moment);
      expect(text).toBe(at(NOW + (moments.at(-1) ?? 0)));
    }),
  );
});

test("an operator that looks once in a week never lets a node sign with what another does not know, nor ends a token", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: WEEK_MS - 120_000 }), { maxLength: 40 }), (pauses) => {
      let time = NOW;
      let text = at(time);
      for (const pause of pauses) {
        const before = text;
        time += pause;
        // The day's token that was signed last before this look, by a node that has not seen it yet.
        const kid = signer(before, time);
        text = rotated(before, time);
        for (const known of [before, text]) {
          expect(signing(known).map((key) => key.kid)).toContain(signer(text, time));
        }
        expect(signing(rotated(text, time + DAY_MS)).map((key) => key.kid)).toContain(kid);
      }
    }),
  );
});

test("after an absence of weeks it has the keys of now", () => {
  expect(rotated(at(NOW), NOW + 9 * WEEK_MS)).toBe(at(NOW + 9 * WEEK_MS));
});

test("under another root the keys that are in use stay, until they have had their time", () => {
  const other = deriveFrom("another root");
  const [current, before, next, decoy] = keysOf(at(NOW));
  expect(keysOf(rotated(at(NOW), NOW, other))).toEqual([current, before, next, decoy]);
  const later = keysOf(rotated(at(NOW), NOW + WEEK_MS, other));
  expect(later).toEqual([next, current, keysOf(signingKeys(other, new Date(NOW + WEEK_MS)))[2], decoy]);
});

test.each(["", "{}", "[]", "null", '{"keys":[]}', '{"keys":[null]}', '{"keys":[{"kid":"mine","k":"x"}]}'])(
  "what somebody wrote instead is left alone: %s",
  (text) => {
    expect(rotatedKeys(text, derive, new Date(NOW))).toBeNull();
  },
);
