import { Buffer } from "node:buffer";
import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Credential } from "@aaa-cluster/contract";
import { saslprep } from "@mongodb-js/saslprep";
import { HmacKey } from "../hmac.ts";
import type { SigningKeys } from "../signing-keys.ts";

const KEY_BYTES = 32;
const SALT_BYTES = 16;
const ITERATIONS = 4096;
/** base64 of the GS2 header "n,,": no channel binding. */
const NO_CHANNEL_BINDING = "biws";

export interface ClientFirst {
  readonly subscriberId: string;
  readonly nonce: string;
  /** The message without its GS2 header, as it goes into the proof. */
  readonly bare: string;
}

export interface ClientFinal {
  readonly nonce: string;
  readonly proof: Buffer;
  readonly withoutProof: string;
}

/**
 * Reads `n,,n=<user>,r=<nonce>` (RFC 5802 section 7), and prepares the name by SASLprep; null when it is anything else, or
 * no name is left.
 */
export function parseClientFirst(message: string): ClientFirst | null {
  const match = /^n,,(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]{8,256}))$/.exec(message);
  if (match === null) return null;
  const [, bare = "", user = "", nonce = ""] = match;
  if (/=(?!2C|3D)/.test(user)) return null;
  const subscriberId = prepared(user.replaceAll("=2C", ",").replaceAll("=3D", "="));
  return subscriberId === null ? null : { subscriberId, nonce, bare };
}

/** A name as RFC 4013 prepares it for a query, or null when it must not be a name. */
function prepared(name: string): string | null {
  // Nearly every name, and SASLprep leaves it as it is.
  if (/^[\x20-\x7e]+$/.test(name)) return name;
  try {
    return saslprep(name, { allowUnassigned: true }) || null;
  } catch {
    return null;
  }
}

/** Reads `c=biws,r=<nonce>,p=<proof>`; null when it is anything else, also with channel binding. */
export function parseClientFinal(message: string): ClientFinal | null {
  const match = /^(c=([^,]+),r=([\x21-\x2b\x2d-\x7e]{8,512})),p=([A-Za-z0-9+/]+={0,2})$/.exec(message);
  if (match === null) return null;
  const [, withoutProof = "", binding, nonce = "", proof = ""] = match;
  return binding === NO_CHANNEL_BINDING ? { nonce, proof: Buffer.from(proof, "base64"), withoutProof } : null;
}

export function serverFirst(nonce: string, { salt, iterations }: Credential): string {
  return `r=${nonce},s=${salt},i=${iterations}`;
}

/**
 * Checks the proof of the second step. Takes the same work for whatever does not hold.
 * @returns the server's own signature, which proves to the box that it talks to someone who knows the verifier
 */
export function verifyProof(credential: Credential, first: ClientFirst, final: ClientFinal): string | null {
  const authMessage = `${first.bare},${serverFirst(final.nonce, credential)},${final.withoutProof}`;
  const storedKey = Buffer.from(credential.storedKey, "base64");
  const clientKey = new HmacKey(storedKey).bytesOf(authMessage);
  for (let index = 0; index < KEY_BYTES; index += 1) clientKey[index] = at(clientKey, index) ^ at(final.proof, index);
  const holds = timingSafeEqual(hash("sha256", clientKey, "buffer"), storedKey);
  if (!holds || final.proof.length !== KEY_BYTES) return null;
  return `v=${new HmacKey(Buffer.from(credential.serverKey, "base64")).of(authMessage, "base64")}`;
}

const at = (bytes: Buffer, index: number): number => bytes[index] ?? 0;

/** No proof fits it, as nobody knows what its keys are the hashes of. */
export const NOBODYS_CREDENTIAL: Credential = {
  scheme: "SCRAM-SHA-256",
  salt: randomBytes(SALT_BYTES).toString("base64"),
  iterations: ITERATIONS,
  storedKey: randomBytes(KEY_BYTES).toString("base64"),
  serverKey: randomBytes(KEY_BYTES).toString("base64"),
};

/** What an unknown subscriber is challenged with: the same for the same name at every node, and no password fits it. */
export function decoyCredential(keys: SigningKeys, subscriberId: string): Credential {
  const salt = keys.decoyMac("decoy salt", subscriberId).subarray(0, SALT_BYTES);
  return { ...NOBODYS_CREDENTIAL, salt: salt.toString("base64") };
}
