import { expect, test } from "@jest/globals";
import { clientFinalMessage, clientFirstMessage, deriveKeys, readChallenge } from "./scram.ts";

test("the exchange of RFC 7677 section 3 comes out to the letter", async () => {
  const clientFirst = clientFirstMessage("user", "rOprNGfwEbeRWgbNEkqO");
  const serverFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
  const last = {
    clientFinal:
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    expectedServerFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
  };
  expect(clientFirst).toBe("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  expect(clientFinalMessage("pencil", clientFirst, serverFirst)).toEqual(last);
  const keys = await deriveKeys("pencil", readChallenge(clientFirst, serverFirst));
  expect(clientFinalMessage(keys, clientFirst, serverFirst)).toEqual(last);
});

test("a server that does not extend the box's nonce is refused", () => {
  const clientFirst = clientFirstMessage("user", "abcdefgh");
  expect(() => clientFinalMessage("pencil", clientFirst, "r=abcdefgh,s=W22Z,i=4096")).toThrow("nonce");
  expect(() => clientFinalMessage("pencil", clientFirst, "r=12345678xyz,s=W22Z,i=4096")).toThrow("nonce");
});
