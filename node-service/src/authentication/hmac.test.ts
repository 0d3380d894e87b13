import { createHmac } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { hmacSha256 } from "./hmac.ts";

test("it is the HMAC-SHA-256 that Node's own is", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.string({ unit: "binary" }), (bytes, message) => {
      const key = Buffer.from(bytes);
      expect(hmacSha256(key, message)).toEqual(createHmac("sha256", key).update(message).digest());
    }),
  );
});

test("a key that would have to be hashed first is refused", () => {
  expect(() => hmacSha256(Buffer.alloc(65), "")).toThrow(RangeError);
});
