import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { saslprep } from "@mongodb-js/saslprep";

// The box's half of SCRAM-SHA-256, written from RFC 5802 and RFC 7677 without a look at the server's half.

const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const sha256 = (data: Buffer): Buffer => createHash("sha256").update(data).digest();

/** As RFC 4013 wants it of whoever asks. */
const prepared = (text: string): string => saslprep(text, { allowUnassigned: true });

/** The first message of the exchange. Commas and equals signs of the name are written as RFC 5802 section 5.1 wants. */
export function clientFirstMessage(name: string, nonce: string): string {
  const saslName = prepared(name).replaceAll("=", "=3D").replaceAll(",", "=2C");
  return `n,,n=${saslName},r=${nonce}`;
}

/** The last message, and the server's message that must follow it if the server knows the verifier. */
export function clientFinalMessage(
  password: string,
  clientFirst: string,
  serverFirst: string,
): { clientFinal: string; expectedServerFinal: string } {
  const attributes = new Map(serverFirst.split(",").map((pair) => [pair.slice(0, 1), pair.slice(2)]));
  const nonce = attributes.get("r") ?? "";
  const ourNonce = clientFirst.slice(clientFirst.lastIndexOf(",r=") + 3);
  if (!nonce.startsWith(ourNonce) || nonce === ourNonce) throw new Error("the server's nonce does not extend ours");
  const salt = Buffer.from(attributes.get("s") ?? "", "base64");
  const iterations = Number(attributes.get("i"));
  if (!(iterations >= 4096)) throw new Error("the server asks for fewer iterations than RFC 7677 allows");

  const saltedPassword = pbkdf2Sync(prepared(password), salt, iterations, 32, "sha256");
  const clientKey = hmac(saltedPassword, "Client Key");
  const withoutProof = `c=${Buffer.from("n,,").toString("base64")},r=${nonce}`;
  const authMessage = [clientFirst.slice("n,,".length), serverFirst, withoutProof].join(",");
  const clientSignature = hmac(sha256(clientKey), authMessage);
  const proof = Buffer.alloc(clientKey.length);
  for (const [index, byte] of clientKey.entries()) proof[index] = byte ^ clientSignature.readUInt8(index);
  const serverSignature = hmac(hmac(saltedPassword, "Server Key"), authMessage);
  return {
    clientFinal: `${withoutProof},p=${proof.toString("base64")}`,
    expectedServerFinal: `v=${serverSignature.toString("base64")}`,
  };
}
