import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { mergePatch } from "./merge-patch.ts";

// The test cases of RFC 7396, appendix A: target, patch, result.
test.each([
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', "{}"],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', "null", "null"],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ["[1,2]", '{"a":"b","c":null}', '{"a":"b"}'],
  ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
])("%s patched with %s is %s", (target, patch, result) => {
  expect(mergePatch(JSON.parse(target), JSON.parse(patch))).toStrictEqual(JSON.parse(result));
});

// Few names, so that target and patch share some.
const { json } = fc.letrec<{ json: unknown; object: Record<string, unknown> }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, 1, "x", true),
    fc.array(tie("json"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc
    .array(fc.tuple(fc.constantFrom("a", "b", "c", "__proto__"), tie("json")), { maxLength: 4 })
    .map((members) => Object.fromEntries(members)),
}));

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const membersOf = (value: unknown): Map<string, unknown> => new Map(isObject(value) ? Object.entries(value) : []);

test("each member of a result is the target's where the patch has none, gone where it has null, and else merged", () => {
  fc.assert(
    fc.property(json, json, (target, patch) => {
      const result = mergePatch(target, patch);
      if (!isObject(patch)) return expect(result).toStrictEqual(patch);
      const [before, asked, after] = [membersOf(target), membersOf(patch), membersOf(result)];
      expect(isObject(result)).toBe(true);
      for (const name of new Set([...before.keys(), ...asked.keys(), ...after.keys()])) {
        const wanted = asked.has(name) ? asked.get(name) : before.get(name);
        expect(after.has(name)).toBe(asked.has(name) ? wanted !== null : before.has(name));
        if (!after.has(name)) continue;
        const merged = asked.has(name) ? mergePatch(before.get(name), wanted) : wanted;
        expect(after.get(name)).toStrictEqual(merged);
      }
    }),
  );
});

test("a patch applied twice does no more than once, and neither target nor patch is touched", () => {
  fc.assert(
    fc.property(json, json, (target, patch) => {
      const [targetText, patchText] = [JSON.stringify(target), JSON.stringify(patch)];
      const once = mergePatch(target, patch);
      expect(mergePatch(once, patch)).toStrictEqual(once);
      expect([JSON.stringify(target), JSON.stringify(patch)]).toEqual([targetText, patchText]);
    }),
  );
});
