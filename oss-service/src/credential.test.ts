import { expect, test } from "@jest/globals";
import { deriveCredential, UnusablePassword } from "./credential.ts";

const SALT = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
const derived = (password: string) => deriveCredential(password, SALT);

test("no two credentials of one password are the same, and each has 16 bytes of salt", async () => {
  const [one, other] = [await deriveCredential("pencil"), await deriveCredential("pencil")];
  expect(one).not.toEqual(other);
  expect(Buffer.from(one.salt, "base64")).toHaveLength(16);
});

// RFC 4013 section 3.
test.each([
  ["a soft hyphen is mapped to nothing", "I\u00adX", "IX"],
  ["the case stays", "USER", "USER"],
  ["the form is NFKC", "\u00aa", "a"],
  ["Roman numeral nine is two letters", "\u2168", "IX"],
  ["any space is a space", "a\u3000b", "a b"],
])("SASLprep: %s", async (_, written, prepared) => {
  expect(await derived(written)).toEqual(await derived(prepared));
});

test("the case tells two passwords apart", async () => {
  expect(await derived("USER")).not.toEqual(await derived("user"));
});

// The last two of RFC 4013 section 3, and what must not be stored by section 2.5.
test.each([
  ["a control character", "\u0007"],
  ["a part from right to left only", "\u0627\u0031"],
  ["a code point that Unicode 3.2 did not have", "secret \u{1f600}"],
  ["half a surrogate pair", "\ud800"],
  ["U+0000", "a\0"],
  ["nothing that is seen", "\u00ad"],
])("a password with %s is refused with what to write", async (_, password) => {
  await expect(derived(password)).rejects.toBeInstanceOf(UnusablePassword);
  await expect(derived(password)).rejects.toThrow(/^must /);
});
