import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { SigningKeys } from "../signing-keys.ts";

const LIFETIME_MS = 60_000;
const CLOCK_SKEW_MS = 5_000;
/** For how long a nonce may be accepted after it was, by the clocks of all nodes. */
export const NONCE_ACCEPTED_MS = LIFETIME_MS + CLOCK_SKEW_MS;
const RANDOM_BYTES = 16;
const TIME_BYTES = 6;
const HEAD_BYTES = TIME_BYTES + RANDOM_BYTES;
const MAC_BYTES = 24;
const PURPOSE = "server nonce";

/** What a nonce is bound to: it is good for nobody else. */
export interface NonceContext {
  readonly clientNonce: string;
  readonly subscriberId: string;
  readonly deviceId: string;
}

/**
 * The server's part of a SCRAM nonce: time, randomness, and a signature over them and the context. No node has to
 * remember it, so the second step may come to another node than the first.
 */
export function issueNonce(keys: SigningKeys, context: NonceContext, now: Date): string {
  const serverPart = Buffer.alloc(HEAD_BYTES + MAC_BYTES);
  const head = serverPart.subarray(0, HEAD_BYTES);
  head.writeUIntBE(now.getTime(), 0, TIME_BYTES);
  // 122 bits of it are random. Node draws for many of them at once; to draw these alone would cost as much as to sign them.
  head.write(randomUUID().replaceAll("-", ""), TIME_BYTES, "hex");
  keys.mac(now, PURPOSE, ...signed(head, context)).copy(serverPart, HEAD_BYTES);
  return serverPart.toString("base64url");
}

/**
 * Checks that a full nonce was issued by a node for this context within the last minute.
 * @returns what tells it from all others that were issued, or null when it was not
 */
export function verifyNonce(keys: SigningKeys, nonce: string, context: NonceContext, now: Date): string | null {
  if (!nonce.startsWith(context.clientNonce)) return null;
  const text = nonce.slice(context.clientNonce.length);
  const serverPart = Buffer.from(text, "base64url");
  if (serverPart.length !== HEAD_BYTES + MAC_BYTES) return null;
  // Other texts are read as the same bytes.
  if (serverPart.toString("base64url") !== text) return null;
  const head = serverPart.subarray(0, -MAC_BYTES);
  const age = now.getTime() - head.readUIntBE(0, TIME_BYTES);
  if (age > LIFETIME_MS || age < -CLOCK_SKEW_MS) return null;
  const mac = serverPart.subarray(-MAC_BYTES);
  return keys.verifyMac(mac, PURPOSE, ...signed(head, context)) ? mac.toString("base64url") : null;
}

function signed(head: Buffer, { clientNonce, subscriberId, deviceId }: NonceContext): string[] {
  return [head.toString("base64url"), clientNonce, subscriberId, deviceId];
}
