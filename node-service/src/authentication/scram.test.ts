import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { deriveCredential } from "../../../oss-service/src/credential.ts";
import { clientFinalMessage, clientFirstMessage } from "../../../test/box/scram.ts";
import { SigningKeys } from "../signing-keys.ts";
import { decoyCredential, parseClientFinal, parseClientFirst, serverFirst, verifyProof } from "./scram.ts";
import { issueNonce, verifyNonce } from "./server-nonce.ts";

const keysOf = (...kids: string[]): SigningKeys =>
  SigningKeys.parse(JSON.stringify({ keys: kids.map((kid) => keyNamed(kid)) }));
const keyNamed = (kid: string) => ({
  kty: "oct",
  kid,
  alg: "HS256",
  k: Buffer.alloc(32, kid).toString("base64url"),
});
const keys = keysOf("one");
const now = new Date("2026-11-22T10:00:00Z");
const context = { clientNonce: "abcdefgh", subscriberId: "s1", deviceId: "box-1" };

test("the server's half gives the answers of RFC 7677 section 3", async () => {
  const credential = await deriveCredential("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
  const first = parseClientFirst("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  const final = parseClientFinal(
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  );
  if (first === null || final === null) throw new Error("the vectors could not be read");
  expect(serverFirst(final.nonce, credential)).toBe(
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  );
  expect(verifyProof(credential, first, final)).toBe("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
});

test("a proof with another password, and any proof for an unknown subscriber, is refused", async () => {
  const credential = await deriveCredential("right");
  for (const candidate of [credential, decoyCredential(keys, "s1")]) {
    const clientFirst = clientFirstMessage("s1", "abcdefgh");
    const { clientFinal } = clientFinalMessage("wrong", clientFirst, serverFirst("abcdefghijk", candidate));
    const first = parseClientFirst(clientFirst);
    const final = parseClientFinal(clientFinal);
    if (first === null || final === null) throw new Error("the messages could not be read");
    expect(verifyProof(candidate, first, final)).toBeNull();
  }
});

test("an unknown subscriber is always challenged with the same salt", () => {
  expect(decoyCredential(keys, "s1").salt).toBe(decoyCredential(keys, "s1").salt);
  expect(decoyCredential(keys, "s1").salt).not.toBe(decoyCredential(keys, "s2").salt);
});

test("names with commas and equals signs come through", () => {
  expect(parseClientFirst(clientFirstMessage("a=b,c", "abcdefgh"))).toMatchObject({ subscriberId: "a=b,c" });
});

test("no message makes the parsers throw, and channel binding is refused", () => {
  const pieces = fc.array(fc.constantFrom("n,,", "n=", "r=", "c=biws", ",", "p=", "=2C", "=", "abcdefgh", "\0", "é"));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        pieces.map((parts) => parts.join("")),
      ),
      (message) => {
        parseClientFirst(message);
        parseClientFinal(message);
      },
    ),
  );
  expect(parseClientFirst("p=tls-unique,,n=user,r=abcdefgh")).toBeNull();
  expect(parseClientFinal("c=cD10bHMtdW5pcXVl,r=abcdefgh,p=AAAA")).toBeNull();
});

test("a nonce is good for a minute, on any node, for what it was issued for", () => {
  const nonce = context.clientNonce + issueNonce(keys, context, now);
  const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
  expect(verifyNonce(keysOf("one"), nonce, context, later(59))).toBe(true);
  expect(verifyNonce(keysOf("two", "one"), nonce, context, later(1))).toBe(true);
  expect(verifyNonce(keys, nonce, context, later(61))).toBe(false);
  expect(verifyNonce(keysOf("two"), nonce, context, now)).toBe(false);
  for (const other of [{ subscriberId: "s2" }, { deviceId: "box-2" }, { clientNonce: "abcdefg" }]) {
    expect(verifyNonce(keys, nonce, { ...context, ...other }, now)).toBe(false);
  }
});

test("a nonce that was altered anywhere is refused", () => {
  const nonce = context.clientNonce + issueNonce(keys, context, now);
  fc.assert(
    fc.property(fc.nat(nonce.length - 1), fc.constantFrom(..."ABCDEFGHabcdefgh01234567-_"), (at, letter) => {
      const altered = nonce.slice(0, at) + letter + nonce.slice(at + 1);
      expect(verifyNonce(keys, altered, context, now)).toBe(altered === nonce);
    }),
  );
});

test("a token is accepted by every node that has its key, for an hour", async () => {
  const identity = { subscriberId: "s1", deviceId: "box-1" };
  const { token, expiresIn } = await keys.issueToken(identity, now);
  const after = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
  expect(await keysOf("two", "one").verifyToken(token, after(expiresIn - 1))).toEqual(identity);
  expect(await keys.verifyToken(token, after(expiresIn + 1))).toBeNull();
  expect(await keysOf("two").verifyToken(token, now)).toBeNull();
  expect(await keys.verifyToken(`${token.slice(0, -4)}AAAA`, now)).toBeNull();
  expect(await keys.verifyToken("not a token", now)).toBeNull();
});

test("signing keys that are weak or no JWK set are refused with what to write", () => {
  expect(() => SigningKeys.parse("{}")).toThrow('must be { "keys"');
  const weak = { ...keyNamed("weak"), k: randomBytes(16).toString("base64url") };
  expect(() => SigningKeys.parse(JSON.stringify({ keys: [weak] }))).toThrow("fewer than 256 bits");
});
