import { createHmac } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { HmacKey, isSame } from "./hmac.ts";

const nodes = (key: Buffer, message: string): Buffer => createHmac("sha256", key).update(message).digest();

test("it is the HMAC-SHA-256 that Node's own is, whatever the key was used for before", () => {
  const long = fc.string({ unit: "binary", minLength: 5_000, maxLength: 20_000 });
  const messages = fc.array(fc.oneof(fc.string({ unit: "binary" }), long), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 130 }), messages, (bytes, texts) => {
      const bare = Buffer.from(bytes);
      const key = new HmacKey(bare);
      for (const text of texts) {
        expect(key.bytesOf(text)).toEqual(nodes(bare, text));
        expect(key.of(text, "base64url")).toBe(nodes(bare, text).toString("base64url"));
      }
    }),
  );
});

test("keys that are used in turns do not disturb each other", () => {
  const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(64, 2)];
  const [first, second] = [new HmacKey(one), new HmacKey(two)];
  for (const text of ["a", "bb", ""]) {
    expect(first.of(text, "base64")).toBe(nodes(one, text).toString("base64"));
    expect(second.of(text, "base64")).toBe(nodes(two, text).toString("base64"));
  }
});

test("texts are the same or not, whatever their lengths", () => {
  const texts = ["", "a", "b", "ab", "é", "e\u0301"];
  for (const left of texts) for (const right of texts) expect(isSame(left, right)).toBe(left === right);
});
