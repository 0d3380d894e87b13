import { randomBytes } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";

export interface Jwk {
  readonly kid: string;
  readonly nbf?: number;
  readonly key_ops?: readonly string[];
}

/** A new HS256 key of a JWK set. */
export function newKey({ kid, ...more }: Jwk): object {
  return { kty: "oct", kid, alg: "HS256", k: randomBytes(32).toString("base64url"), ...more };
}

/** Replaces the file of signing keys at once, as the kubelet does. */
export async function writeKeys(path: string, ...keys: readonly object[]): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify({ keys }));
  await rename(`${path}.new`, path);
}
