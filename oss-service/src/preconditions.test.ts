import { expect, test } from "@jest/globals";
import { checkPreconditions, isNotModified, preconditionsOf } from "./preconditions.ts";

const alice = { entity: "Subscriber", id: "alice" } as const;
const at7 = { version: 7n, payload: { status: "active" } };
const deletedAt7 = { version: 7n, payload: null };

const refusal = (headers: Record<string, string>, stored: typeof at7 | typeof deletedAt7): string | null => {
  try {
    checkPreconditions(preconditionsOf(headers), alice, stored);
    return null;
  } catch (error) {
    return `${Object(error).status} ${Object(error).message}`;
  }
};

test.each([
  ["nothing is asked for", {}, true, true],
  ["If-Match has the version", { "if-match": '"7"' }, true, false],
  ["If-Match has another version", { "if-match": '"6"' }, false, false],
  ["If-Match has the version among others", { "if-match": '"6" , "7"' }, true, false],
  ["If-Match has a tag with a comma in it", { "if-match": '"6,7"' }, false, false],
  ["If-Match has a weak tag, which never proves that nothing changed", { "if-match": 'W/"7"' }, false, false],
  ["If-Match is *", { "if-match": "*" }, true, false],
  ["If-None-Match is *", { "if-none-match": "*" }, false, true],
  ["If-None-Match has the version", { "if-none-match": '"7"' }, false, true],
  ["If-None-Match has the version as a weak tag", { "if-none-match": 'W/"7"' }, false, true],
  ["If-None-Match has another version", { "if-none-match": '"6"' }, true, true],
])("when %s, a change of what is there and one of what is not are decided", (_name, headers, there, deleted) => {
  expect(refusal(headers, at7) === null).toBe(there);
  expect(refusal(headers, deletedAt7) === null).toBe(deleted);
});

test("a refusal names the version that is there, the one that was asked for, and what to send", () => {
  expect(refusal({ "if-match": '"5"' }, at7)).toBe(
    '412 Subscriber/alice is at version "7", and If-Match names "5"; ' +
      'read it again, and send If-Match: "7" if the change is still right',
  );
  expect(refusal({ "if-match": "*" }, deletedAt7)).toBe(
    "412 there is no Subscriber/alice, and If-Match names *; send If-None-Match: * to create it",
  );
  expect(refusal({ "if-none-match": "*" }, at7)).toBe(
    '412 Subscriber/alice is there, at version "7"; send If-Match: "7" to change that version',
  );
});

test.each(["7", "", '"7', '"7" "8"', '*, "7"', 'w/"7"', '"a b"'])(
  "If-Match: %s is refused with what to write",
  (tags) => {
    expect(() => preconditionsOf({ "if-match": tags })).toThrow('for example If-Match: "7"');
  },
);

test("a reader that names the version has it already", () => {
  expect(isNotModified(preconditionsOf({ "if-none-match": 'W/"7"' }), at7)).toBe(true);
  expect(isNotModified(preconditionsOf({ "if-none-match": '"6"' }), at7)).toBe(false);
  expect(isNotModified(preconditionsOf({}), at7)).toBe(false);
});
