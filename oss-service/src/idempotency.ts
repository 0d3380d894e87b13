import { createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { Problem } from "@aaa-cluster/service-kit";

/** One request under an `Idempotency-Key`, or one chunk of a stream under it. */
export interface IdempotentRequest {
  readonly key: string;
  /** The number of the chunk from 0; 0 for all else. */
  readonly part: number;
  /** Equal for equal requests. */
  readonly fingerprint: Buffer;
}

const KEY = /^(?:"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x5b\x5d-\x7e]{1,255}))$/;

/** Reads `Idempotency-Key`; null when there is none. Throws Problem 400 that says what to write. */
export function idempotencyKeyOf(headers: IncomingHttpHeaders): string | null {
  const value = headers["idempotency-key"];
  if (value === undefined) return null;
  const [, quoted, bare] = KEY.exec(value.toString()) ?? [];
  const key = quoted ?? bare;
  if (key !== undefined) return key;
  throw new Problem(
    400,
    "invalid-header",
    'Idempotency-Key must be 1 to 255 printable ASCII characters without " and \\, in double quotes, ' +
      'for example Idempotency-Key: "8e03978e-40d5-43dd-bc93-6894a57f9324"',
  );
}

/**
 * The fingerprint of everything that makes a request what it is. A body may hold a password, so without the secret
 * nothing can be learned from it.
 */
export function fingerprintOf(secret: string, parts: readonly unknown[]): Buffer {
  return createHmac("sha256", secret).update(JSON.stringify(parts)).digest();
}

/** The refusal of another request under a key that was used. */
export function keyReused(key: string): Problem {
  return new Problem(
    422,
    "idempotency-key-reused",
    `Idempotency-Key "${key}" was sent with another request; send a key of its own with every new request`,
  );
}
