import { createSocket } from "node:dgram";
import { once } from "node:events";

/** A DNS server on this machine that gives every name the same IPv4 addresses, and no address of another kind. */
export interface NameServer extends AsyncDisposable {
  readonly port: number;
  addresses: readonly string[];
}

const HEADER_BYTES = 12;
const TYPE_AND_CLASS_BYTES = 4;
const TYPE_A = 1;
/** A pointer to the name in the question; type A, class IN, a time to live of 0 s, 4 bytes of address. */
const ANSWER = Buffer.from("c00c00010001000000000004", "hex");

/** Starts one that gives these addresses, until they are set to others. */
export async function startNameServer(addresses: readonly string[]): Promise<NameServer> {
  const socket = createSocket("udp4");
  const server = {
    addresses,
    port: 0,
    [Symbol.asyncDispose]: async () => {
      await once(socket.close(), "close");
    },
  };
  socket.on("message", (query, { port, address }) => socket.send(answerTo(query, server.addresses), port, address));
  await once(socket.bind(0, "127.0.0.1"), "listening");
  server.port = socket.address().port;
  return server;
}

function answerTo(query: Buffer, addresses: readonly string[]): Buffer {
  const endOfName = query.indexOf(0, HEADER_BYTES) + 1;
  const question = query.subarray(HEADER_BYTES, endOfName + TYPE_AND_CLASS_BYTES);
  const answers = query.readUInt16BE(endOfName) === TYPE_A ? addresses : [];
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8580, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  const records = answers.map((address) => Buffer.concat([ANSWER, Buffer.from(address.split(".").map(Number))]));
  return Buffer.concat([header, question, ...records]);
}
