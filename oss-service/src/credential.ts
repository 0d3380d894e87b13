import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { Credential } from "@aaa-cluster/contract";

const ITERATIONS = 4096;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

const derive = promisify(pbkdf2);

/** The SCRAM-SHA-256 verifier of a password (RFC 5802 section 3), from which the password cannot be read back. */
export async function deriveCredential(password: string, salt = randomBytes(SALT_BYTES)): Promise<Credential> {
  const salted = await derive(password.normalize("NFKC"), salt, ITERATIONS, KEY_BYTES, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  return {
    scheme: "SCRAM-SHA-256",
    salt: salt.toString("base64"),
    iterations: ITERATIONS,
    storedKey: createHash("sha256").update(clientKey).digest("base64"),
    serverKey: createHmac("sha256", salted).update("Server Key").digest("base64"),
  };
}
