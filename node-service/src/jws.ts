import { Buffer } from "node:buffer";
import { type HmacKey, isSame } from "./hmac.ts";

/**
 * JSON Web Signatures (RFC 7515) of the one form that nodes make: compact, HS256, with a header that is known before. A library
 * for all forms takes ten times as long for it, on threads that the requests of boxes wait for.
 */

/** What a JWS is, by the `typ` of its header: an access token (RFC 9068) or a refresh token. */
export type JwsType = "at+jwt" | "rt+jwt";

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** The first part of every JWS of this type that a key signs. */
export const headerText = (kid: string, typ: JwsType): string => base64url({ alg: "HS256", kid, typ });

/** Signs claims. */
export function signJws(header: string, claims: object, secret: HmacKey): string {
  const signed = `${header}.${base64url(claims)}`;
  return `${signed}.${secret.of(signed, "base64url")}`;
}

/**
 * Reads a JWS.
 * @param secretOf the key that makes signatures with a header of this text; null for one that nobody here writes
 * @returns its claims, or null when it was not signed like that
 */
export function verifyJws(
  text: string,
  secretOf: (header: string) => HmacKey | null,
): Readonly<Record<string, unknown>> | null {
  const [header = "", claims = "", signature = "", ...more] = text.split(".");
  const secret = more.length === 0 ? secretOf(header) : null;
  if (secret === null) return null;
  if (!isSame(signature, secret.of(`${header}.${claims}`, "base64url"))) return null;
  return objectIn(Buffer.from(claims, "base64url").toString());
}

/** Whoever has the key may have signed something else. */
function objectIn(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
