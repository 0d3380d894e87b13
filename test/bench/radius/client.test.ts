import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, test } from "@jest/globals";
import { RadiusClient } from "./client.ts";

const SECRET = "shared";
const ACCEPT = 2;
const REJECT = 3;

/** A server on loopback that answers each packet with a code, or not at all. */
async function scriptedServer(answer: (packet: Buffer, index: number) => number | null) {
  const packets: Buffer[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (packet, { port }) => {
    const code = answer(packet, packets.push(packet) - 1);
    if (code === null) return;
    const head = Buffer.from([code, packet.readUInt8(1), 0, 20]);
    const signed = createHash("md5").update(head).update(packet.subarray(4, 20)).update(SECRET).digest();
    socket.send(Buffer.concat([head, signed]), port, "127.0.0.1");
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const close = async (): Promise<void> => {
    socket.close();
    await once(socket, "close");
  };
  return { port: socket.address().port, packets, [Symbol.asyncDispose]: close };
}

test("a box is accepted or not, whatever else is under way", async () => {
  await using server = await scriptedServer((packet) => (packet.includes("alice") ? ACCEPT : REJECT));
  await using client = await RadiusClient.connect(server.port, SECRET);
  const outcomes = await Promise.allSettled(["alice", "bob", "alice"].map((name) => client.access(name, "password")));
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("a packet that was lost is sent again as it was", async () => {
  await using server = await scriptedServer((_packet, index) => (index === 0 ? null : ACCEPT));
  await using client = await RadiusClient.connect(server.port, SECRET);
  await client.access("alice", "password");
  expect(server.packets).toHaveLength(2);
  expect(server.packets[1]).toEqual(server.packets[0]);
});

test("who is not answered fails in time", async () => {
  await using server = await scriptedServer(() => null);
  await using client = await RadiusClient.connect(server.port, SECRET);
  await expect(client.access("alice", "password", 50)).rejects.toThrow("alice was not answered within 50 ms");
});
