// The global of that name is an accessor, which shows where boxes wait.
import { Buffer } from "node:buffer";
import { hash, timingSafeEqual } from "node:crypto";

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
/** What nearly every message fits in: tokens, nonces and SCRAM's messages. */
const USUAL_BYTES = 16 * 1024;
/** UTF-8 needs no more for one unit of a string. */
const MOST_BYTES_OF_UNIT = 3;

// Here only, so that no other buffer is made of memory that a key was in.
/** A block of a key, and a message. */
const inner = Buffer.alloc(BLOCK_BYTES + USUAL_BYTES);
/** A block of a key, and the hash of the inner. */
const outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES);

/**
 * A key for HMAC-SHA-256 (RFC 2104). Node's own Hmac takes twice as long for messages as short as those of boxes, and longer still for
 * a key that is used once, as a subscriber's is.
 */
export class HmacKey {
  readonly #innerBlock: Uint8Array;
  readonly #outerBlock: Uint8Array;

  constructor(key: Uint8Array) {
    const short = key.length > BLOCK_BYTES ? hash("sha256", key, "buffer") : key;
    this.#innerBlock = padded(short, 0x36);
    this.#outerBlock = padded(short, 0x5c);
  }

  /** The keyed hash of a text, that is of its UTF-8 bytes. */
  of(message: string, encoding: "base64" | "base64url"): string {
    return this.#hash(message, encoding);
  }

  /** The same as 32 bytes. */
  bytesOf(message: string): Buffer {
    return Buffer.from(this.#hash(message, "binary"), "binary");
  }

  #hash(message: string, encoding: "base64" | "base64url" | "binary"): string {
    const room = message.length <= USUAL_BYTES / MOST_BYTES_OF_UNIT ? inner : roomFor(message);
    room.set(this.#innerBlock);
    const length = room.write(message, BLOCK_BYTES);
    outer.set(this.#outerBlock);
    outer.write(hash("sha256", room.subarray(0, BLOCK_BYTES + length), "binary"), BLOCK_BYTES, "binary");
    return hash("sha256", outer, encoding);
  }
}

/** Whether two texts are the same, without a hint how much of them is. */
export function isSame(given: string, expected: string): boolean {
  return areSame(Buffer.from(given), Buffer.from(expected));
}

/** Whether some bytes are the same, without a hint how many of them are. */
export function areSame(given: Buffer, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const roomFor = (message: string): Buffer => Buffer.alloc(BLOCK_BYTES + Buffer.byteLength(message));

function padded(key: Uint8Array, value: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  for (let index = 0; index < BLOCK_BYTES; index += 1) block[index] = (key[index] ?? 0) ^ value;
  return block;
}
