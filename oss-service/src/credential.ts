import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { Credential } from "@aaa-cluster/contract";
import { saslprep } from "@mongodb-js/saslprep";

const ITERATIONS = 4096;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

const derive = promisify(pbkdf2);

/** A password that boxes could not all prove, by SASLprep (RFC 4013). */
export class UnusablePassword extends Error {
  override readonly name = "UnusablePassword";
}

/**
 * The SCRAM-SHA-256 verifier of a password (RFC 5802 section 3), from which the password cannot be read back. Rejects with
 * UnusablePassword when it has what SASLprep allows in no stored password.
 */
export async function deriveCredential(password: string, salt = randomBytes(SALT_BYTES)): Promise<Credential> {
  const salted = await derive(prepared(password), salt, ITERATIONS, KEY_BYTES, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  return {
    scheme: "SCRAM-SHA-256",
    salt: salt.toString("base64"),
    iterations: ITERATIONS,
    storedKey: createHash("sha256").update(clientKey).digest("base64"),
    serverKey: createHmac("sha256", salted).update("Server Key").digest("base64"),
  };
}

function prepared(password: string): string {
  let text = "";
  try {
    text = saslprep(password);
  } catch (cause) {
    throw new UnusablePassword(
      "must be without control characters, emoji and other characters that are newer than Unicode 3.2, and not write " +
        "from right to left in a part only (SASLprep, RFC 4013)",
      { cause },
    );
  }
  if (text === "") throw new UnusablePassword("must have a character that is seen");
  return text;
}
