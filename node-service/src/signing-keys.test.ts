import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { SignJWT } from "jose";
import { SigningKeys } from "./signing-keys.ts";

const now = new Date("2026-11-22T10:00:00Z");
const after = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
const keyNamed = (kid: string, more = {}) => ({
  kty: "oct",
  kid,
  alg: "HS256",
  k: Buffer.alloc(32, kid).toString("base64url"),
  ...more,
});
const setOf = (...keys: object[]): string => JSON.stringify({ keys });
const keysOf = (...kids: string[]): SigningKeys => SigningKeys.parse(setOf(...kids.map((kid) => keyNamed(kid))));
const keys = keysOf("one");
const identity = { subscriberId: "s1", deviceId: "box-1" };

test("a token is accepted by every node that has its key, for an hour", async () => {
  const { token, expiresIn } = keys.issueToken(identity, now);
  expect(keysOf("two", "one").verifyToken(token, after(expiresIn - 1))?.identity).toEqual(identity);
  expect(keys.verifyToken(token, after(expiresIn + 1))).toBeNull();
  expect(keysOf("two").verifyToken(token, now)).toBeNull();
  expect(keys.verifyToken(`${token.slice(0, -4)}AAAA`, now)).toBeNull();
  expect(keys.verifyToken("not a token", now)).toBeNull();
});

test("a token without a signature, of another kind of key, of another issuer or of no key is none", async () => {
  const secret = Buffer.alloc(32, "one");
  const claims = { device: "box-1" };
  const signed = (header: object, issuer = "aaa"): Promise<string> =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256", kid: "one", typ: "at+jwt", ...header })
      .setIssuer(issuer)
      .setSubject("s1")
      .setExpirationTime(after(60))
      .sign(secret);
  expect(keys.verifyToken(await signed({}), now)?.identity).toEqual(identity);
  const [, payload] = (await signed({})).split(".");
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const forged = [
    `${part({ alg: "none", kid: "one", typ: "at+jwt" })}.${payload}.`,
    `${part({ alg: "none" })}.${payload}.`,
    await signed({ kid: "two" }),
    await signed({ kid: undefined }),
    await signed({ typ: undefined }),
    await signed({ typ: "JWT" }),
    await signed({}, "another"),
    await new SignJWT(claims)
      .setProtectedHeader({ alg: "HS512", kid: "one", typ: "at+jwt" })
      .setIssuer("aaa")
      .setSubject("s1")
      .setExpirationTime(after(60))
      .sign(Buffer.alloc(64, "one")),
  ];
  for (const token of forged) expect(keys.verifyToken(token, now)).toBeNull();
});

test("neither kind of token is taken for the other", async () => {
  const access = keys.issueToken(identity, now);
  const refresh = keys.issueRefreshToken(identity, "standing", now);
  expect(keys.verifyToken(refresh.token, now)).toBeNull();
  expect(keys.verifyRefreshToken(access.token, now)).toBeNull();
});

test("a refresh token is good for a day, and for the standing that it was given for, which it does not show", async () => {
  const { token, expiresIn } = keys.issueRefreshToken(identity, "a stored key", now);
  const claim = keysOf("two", "one").verifyRefreshToken(token, after(expiresIn - 1));
  expect(claim).toMatchObject(identity);
  expect(claim?.standsAt("a stored key")).toBe(true);
  expect(claim?.standsAt("another")).toBe(false);
  expect(keys.verifyRefreshToken(token, after(expiresIn + 1))).toBeNull();
  expect(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).not.toContain("stored");
});

test("of several keys the one signs whose time came last, and without times the first", async () => {
  const seconds = now.getTime() / 1000;
  const kidOf = (token: string): unknown =>
    JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;
  const rotating = SigningKeys.parse(
    setOf(
      keyNamed("next", { nbf: seconds + 10 }),
      keyNamed("old", { nbf: seconds - 10 }),
      keyNamed("current", { nbf: seconds }),
    ),
  );
  const signer = async (at: Date): Promise<unknown> => kidOf(rotating.issueToken(identity, at).token);
  expect(await signer(after(-1))).toBe("old");
  expect(await signer(now)).toBe("current");
  expect(await signer(after(10))).toBe("next");
  expect(await signer(after(-99))).toBe("old");
  expect(kidOf(keysOf("b", "a").issueToken(identity, now).token)).toBe("b");
});

test("keys that are replaced are gone, and a set that cannot be used changes nothing", async () => {
  const followed = keysOf("one");
  const { token } = followed.issueToken(identity, now);
  const { revision } = followed;
  expect(() => followed.replace("{}")).toThrow('must be { "keys"');
  expect(followed.verifyToken(token, now)?.identity).toEqual(identity);
  expect(followed.revision).toBe(revision);
  followed.replace(setOf(keyNamed("two")));
  expect(followed.verifyToken(token, now)).toBeNull();
  expect(followed.revision).not.toBe(revision);
});

test("signing keys that are weak, ambiguous, or no JWK set are refused with what to write", () => {
  for (const text of ["{}", "", "[]", '{"keys":[]}', '{"keys":[{"kty":"RSA","kid":"a"}]}']) {
    expect(() => SigningKeys.parse(text)).toThrow('must be { "keys"');
  }
  const weak = { ...keyNamed("weak"), k: randomBytes(16).toString("base64url") };
  expect(() => SigningKeys.parse(setOf(weak))).toThrow("fewer than 256 bits");
  expect(() => keysOf("one", "one")).toThrow("two signing keys have the kid one");
  expect(() => SigningKeys.parse(setOf(keyNamed("d", { key_ops: ["deriveBits"] })))).toThrow("key_ops");
});
