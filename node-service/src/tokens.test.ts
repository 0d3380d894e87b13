import { expect, test } from "@jest/globals";
import { SigningKeys } from "./signing-keys.ts";
import { Tokens, type TokenVerifier } from "./tokens.ts";

const MIB = 2 ** 20;
const identity = { subscriberId: "s1", deviceId: "box-1" };
const now = new Date("2026-11-28T10:00:00Z");
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
const keysOf = (kid: string): SigningKeys => {
  const key = { kty: "oct", kid, alg: "HS256", k: Buffer.alloc(32, kid).toString("base64url") };
  return SigningKeys.parse(JSON.stringify({ keys: [key] }));
};

/** Verifies by keys that a test may replace, and counts. */
class Verifier implements TokenVerifier {
  keys = keysOf("one");
  revision = 1;
  verified = 0;

  verifyToken(token: string, at: Date): ReturnType<SigningKeys["verifyToken"]> {
    this.verified += 1;
    return this.keys.verifyToken(token, at);
  }
}

test("a token is verified once, and refused from the second on in which it expires", async () => {
  const verifier = new Verifier();
  const tokens = new Tokens(verifier, MIB);
  const { token, expiresIn } = verifier.keys.issueToken(identity, now);
  expect(tokens.bearerOf(token, now)).toMatchObject(identity);
  expect(tokens.bearerOf(token, later(expiresIn - 1))).toMatchObject(identity);
  expect(verifier.verified).toBe(1);
  expect(() => tokens.bearerOf(token, later(expiresIn))).toThrow("authenticate again");
});

test("when the keys change every token is verified again, by those of then", async () => {
  const verifier = new Verifier();
  const tokens = new Tokens(verifier, MIB);
  const { token } = verifier.keys.issueToken(identity, now);
  tokens.bearerOf(token, now);
  verifier.revision += 1;
  expect(tokens.bearerOf(token, now)).toMatchObject(identity);
  verifier.keys = keysOf("two");
  verifier.revision += 1;
  expect(() => tokens.bearerOf(token, now)).toThrow("authenticate again");
});

test("what is not a token is refused and takes no memory, and a token differs from one that is nearly the same", async () => {
  const verifier = new Verifier();
  const tokens = new Tokens(verifier, MIB);
  const { token } = verifier.keys.issueToken(identity, now);
  tokens.bearerOf(token, now);
  for (const other of ["", "a.b.c", `${token}A`, token.slice(0, -1), `${token.slice(0, -4)}AAAA`]) {
    for (let time = 0; time < 2; time += 1) {
      expect(() => tokens.bearerOf(other, now)).toThrow("authenticate again");
    }
  }
  expect(verifier.verified).toBe(11);
});

test("tokens whose signatures end alike are told apart, and so are short ones", () => {
  const expiresAt = now.getTime() / 1000 + 60;
  const verifier: TokenVerifier = {
    revision: 1,
    verifyToken: (token) => ({ identity: { ...identity, deviceId: `of ${token}` }, expiresAt }),
  };
  const tokens = new Tokens(verifier, MIB);
  for (const token of ["a.b.cdefghi", "b.a.cdefghi", "a.b.cdefghi", "defghi", "ghi", "", "a.b.cdefghi"]) {
    expect(tokens.bearerOf(token, now).deviceId).toBe(`of ${token}`);
  }
});
