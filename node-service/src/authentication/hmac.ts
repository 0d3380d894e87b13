import { hash } from "node:crypto";

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;

/**
 * HMAC-SHA-256 (RFC 2104) of a message with a key that is used once or twice, as those of a subscriber are. To make such a key for
 * Node's own, which is faster with one that is kept, costs three times as much as all of this.
 * @param key at most 64 bytes
 */
export function hmacSha256(key: Buffer, message: string): Buffer {
  const inner = Buffer.allocUnsafe(BLOCK_BYTES + Buffer.byteLength(message));
  pad(inner, key, 0x36);
  inner.write(message, BLOCK_BYTES);
  const outer = Buffer.allocUnsafe(BLOCK_BYTES + HASH_BYTES);
  pad(outer, key, 0x5c);
  outer.write(hash("sha256", inner, "binary"), BLOCK_BYTES, "binary");
  return hash("sha256", outer, "buffer");
}

function pad(block: Buffer, key: Buffer, value: number): void {
  if (key.length > BLOCK_BYTES) throw new RangeError(`the key has more than ${BLOCK_BYTES} bytes`);
  for (let index = 0; index < BLOCK_BYTES; index += 1) block[index] = (key[index] ?? 0) ^ value;
}
