import { expect, test } from "@jest/globals";
import fc from "fast-check";
import sasl from "pg/lib/crypto/sasl.js";
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

test("pg's client of PostgreSQL, which is no work of ours, proves a password to our half", async () => {
  const password = "p\u00aass\u00adw\u00f6rd\u3000\u2168";
  const credential = await deriveCredential(password);
  const session = sasl.startSession(["SCRAM-SHA-256"]);
  const first = parseClientFirst(session.response);
  if (first === null) throw new Error("its first message could not be read");
  expect(first.subscriberId).toBe("*");
  await sasl.continueSession(session, password, serverFirst(`${first.nonce}and-ours`, credential));
  const final = parseClientFinal(session.response);
  if (final === null) throw new Error("its last message could not be read");
  const signature = verifyProof(credential, first, final);
  expect(signature).not.toBeNull();
  sasl.finalizeSession(session, String(signature));
  expect(verifyProof(await deriveCredential("another"), first, final)).toBeNull();
});

test("a name is the one that SASLprep makes of it, and what must not be a name is no message", () => {
  const nameOf = (name: string) => parseClientFirst(`n,,n=${name},r=abcdefgh`)?.subscriberId;
  expect(nameOf("I\u00adX")).toBe("IX");
  expect(nameOf("USER")).toBe("USER");
  expect(nameOf("\u00aa")).toBe("a");
  expect(nameOf("\u2168")).toBe("IX");
  expect(nameOf("\uff53\uff11")).toBe("s1");
  for (const name of ["\u0007", "\u0627\u0031", "\u00ad", "\ud800", "\0"]) expect(nameOf(name)).toBeUndefined();
});

test("an unknown subscriber is challenged with the same salt by every node, whichever key signs", () => {
  const decoy = { ...keyNamed("decoy"), key_ops: ["deriveBits"] };
  const rotated = ["one", "two"].map((kid) =>
    SigningKeys.parse(JSON.stringify({ keys: [keyNamed(kid), keyNamed("three"), decoy] })),
  );
  const [salt, another] = rotated.map((set) => decoyCredential(set, "s1").salt);
  expect(salt).toBe(another);
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
  const mark = verifyNonce(keys, nonce, context, now);
  expect(mark).not.toBeNull();
  expect(verifyNonce(keysOf("one"), nonce, context, later(59))).toBe(mark);
  expect(verifyNonce(keysOf("two", "one"), nonce, context, later(1))).toBe(mark);
  expect(verifyNonce(keys, nonce, context, later(61))).toBeNull();
  expect(verifyNonce(keys, nonce, context, later(-6))).toBeNull();
  expect(verifyNonce(keysOf("two"), nonce, context, now)).toBeNull();
  for (const other of [{ subscriberId: "s2" }, { deviceId: "box-2" }, { clientNonce: "abcdefg" }]) {
    expect(verifyNonce(keys, nonce, { ...context, ...other }, now)).toBeNull();
  }
});

test("a nonce is written in one way only, so that it can be known again", () => {
  for (let index = 0; index < 50; index += 1) {
    const nonce = context.clientNonce + issueNonce(keys, context, now);
    const others = [`${nonce}=`, `${nonce}!`, nonce.replace("-", "+"), nonce.replace("_", "/")];
    for (const other of others.filter((text) => text !== nonce)) {
      expect(verifyNonce(keys, other, context, now)).toBeNull();
    }
  }
});

test("a nonce that was altered anywhere is refused", () => {
  const nonce = context.clientNonce + issueNonce(keys, context, now);
  fc.assert(
    fc.property(fc.nat(nonce.length - 1), fc.constantFrom(..."ABCDEFGHabcdefgh01234567-_+/="), (at, letter) => {
      const altered = nonce.slice(0, at) + letter + nonce.slice(at + 1);
      expect(verifyNonce(keys, altered, context, now) === null).toBe(altered !== nonce);
    }),
  );
});
