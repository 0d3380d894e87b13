import { createHmac, hash } from "node:crypto";

// RADIUS as RFC 2865 has it, with the Message-Authenticator of RFC 3579 that servers ask for since 2024 (CVE-2024-3596).

const ACCESS_REQUEST = 1;
const ACCESS_ACCEPT = 2;
const USER_NAME = 1;
const USER_PASSWORD = 2;
const MESSAGE_AUTHENTICATOR = 80;
const HEADER_BYTES = 20;
const BLOCK_BYTES = 16;

export interface AccessRequest {
  /** 0 to 255: what the answer to this packet is known by. */
  readonly id: number;
  /** 16 random bytes. */
  readonly authenticator: Buffer;
  readonly userName: string;
  readonly password: string;
}

/** Pure: an Access-Request with PAP. */
export function encodeAccessRequest(request: AccessRequest, secret: string): Buffer {
  const name = Buffer.from(request.userName);
  const hidden = hiddenPassword(request, secret);
  const packet = Buffer.alloc(HEADER_BYTES + 2 + name.length + 2 + hidden.length + 2 + BLOCK_BYTES);
  packet.writeUInt8(ACCESS_REQUEST, 0);
  packet.writeUInt8(request.id, 1);
  packet.writeUInt16BE(packet.length, 2);
  request.authenticator.copy(packet, 4);
  let at = HEADER_BYTES;
  for (const [type, value] of [
    [MESSAGE_AUTHENTICATOR, Buffer.alloc(BLOCK_BYTES)],
    [USER_NAME, name],
    [USER_PASSWORD, hidden],
  ] as const) {
    packet.writeUInt8(type, at);
    packet.writeUInt8(2 + value.length, at + 1);
    value.copy(packet, at + 2);
    at += 2 + value.length;
  }
  // Over the packet with zeros in its own place.
  createHmac("md5", secret)
    .update(packet)
    .digest()
    .copy(packet, HEADER_BYTES + 2);
  return packet;
}

/** Pure: the password as RFC 2865 section 5.2 hides it. */
function hiddenPassword({ password, authenticator }: AccessRequest, secret: string): Buffer {
  const plain = Buffer.from(password);
  const hidden = Buffer.alloc(Math.max(1, Math.ceil(plain.length / BLOCK_BYTES)) * BLOCK_BYTES);
  plain.copy(hidden);
  let before: Buffer = authenticator;
  for (let at = 0; at < hidden.length; at += BLOCK_BYTES) {
    const pad = md5(Buffer.from(secret), before);
    for (let index = 0; index < BLOCK_BYTES; index += 1) {
      hidden.writeUInt8(hidden.readUInt8(at + index) ^ pad.readUInt8(index), at + index);
    }
    before = hidden.subarray(at, at + BLOCK_BYTES);
  }
  return hidden;
}

/** Pure: whether a packet is an Access-Accept by someone who knows the secret, to the request with this authenticator. */
export function isAccepted(packet: Buffer, authenticator: Buffer, secret: string): boolean {
  if (packet.length < HEADER_BYTES || packet.readUInt8(0) !== ACCESS_ACCEPT) return false;
  const signed = md5(packet.subarray(0, 4), authenticator, packet.subarray(HEADER_BYTES), Buffer.from(secret));
  return signed.equals(packet.subarray(4, HEADER_BYTES));
}

function md5(...parts: readonly Buffer[]): Buffer {
  return hash("md5", Buffer.concat(parts), "buffer");
}
