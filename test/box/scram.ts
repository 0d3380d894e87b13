import { createHash, createHmac, createSecretKey, pbkdf2, pbkdf2Sync } from "node:crypto";
import { promisify } from "node:util";
import { saslprep } from "@mongodb-js/saslprep";

// The box's half of SCRAM-SHA-256, written from RFC 5802 and RFC 7677 without a look at the server's half.

const derive = promisify(pbkdf2);
// Given the bytes themselves, Node.js takes twice as long.
const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", createSecretKey(key)).update(text).digest();
const sha256 = (data: Buffer): Buffer => createHash("sha256").update(data).digest();

/** As RFC 4013 wants it of whoever asks. */
const prepared = (text: string): string => saslprep(text, { allowUnassigned: true });

/** What follows from a password for one salt and iteration count; a box may keep it in the password's place. */
export interface ScramKeys {
  readonly clientKey: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** What the server's first message says. */
export interface Challenge {
  readonly nonce: string;
  /** In base64. */
  readonly salt: string;
  readonly iterations: number;
}

/** The first message of the exchange. Commas and equals signs of the name are written as RFC 5802 section 5.1 wants. */
export function clientFirstMessage(name: string, nonce: string): string {
  const saslName = prepared(name).replaceAll("=", "=3D").replaceAll(",", "=2C");
  return `n,,n=${saslName},r=${nonce}`;
}

/** Reads the server's first message. Throws when it does not go on with the box's nonce, or asks for too little work. */
export function readChallenge(clientFirst: string, serverFirst: string): Challenge {
  const attributes = new Map(serverFirst.split(",").map((pair) => [pair.slice(0, 1), pair.slice(2)]));
  const nonce = attributes.get("r") ?? "";
  const ourNonce = clientFirst.slice(clientFirst.lastIndexOf(",r=") + 3);
  if (!nonce.startsWith(ourNonce) || nonce === ourNonce) throw new Error("the server's nonce does not extend ours");
  const iterations = Number(attributes.get("i"));
  if (!(iterations >= 4096)) throw new Error("the server asks for fewer iterations than RFC 7677 allows");
  return { nonce, salt: attributes.get("s") ?? "", iterations };
}

/** The keys of a password. That takes a millisecond or two of a core, which is another thread's. */
export async function deriveKeys(password: string, challenge: Challenge): Promise<ScramKeys> {
  return keysOf(await derive(...derivation(password, challenge)));
}

function derivation(password: string, { salt, iterations }: Challenge) {
  return [prepared(password), Buffer.from(salt, "base64"), iterations, 32, "sha256"] as const;
}

/** The keys that follow from a salted password. */
export function keysOf(saltedPassword: Buffer): ScramKeys {
  const clientKey = hmac(saltedPassword, "Client Key");
  return { clientKey, storedKey: sha256(clientKey), serverKey: hmac(saltedPassword, "Server Key") };
}

/**
 * The last message, and the server's message that must follow it if the server knows the verifier.
 * @param secret the password, or the keys that were derived from it before
 */
export function clientFinalMessage(
  secret: string | ScramKeys,
  clientFirst: string,
  serverFirst: string,
): { clientFinal: string; expectedServerFinal: string } {
  const challenge = readChallenge(clientFirst, serverFirst);
  const { clientKey, storedKey, serverKey } =
    typeof secret === "string" ? keysOf(pbkdf2Sync(...derivation(secret, challenge))) : secret;
  const withoutProof = `c=biws,r=${challenge.nonce}`;
  const authMessage = `${clientFirst.slice("n,,".length)},${serverFirst},${withoutProof}`;
  const proof = hmac(storedKey, authMessage);
  for (const [index, byte] of clientKey.entries()) proof[index] = byte ^ proof.readUInt8(index);
  return {
    clientFinal: `${withoutProof},p=${proof.toString("base64")}`,
    expectedServerFinal: `v=${hmac(serverKey, authMessage).toString("base64")}`,
  };
}
