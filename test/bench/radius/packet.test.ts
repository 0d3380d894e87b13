import { createHash } from "node:crypto";
import { expect, test } from "@jest/globals";
import { encodeAccessRequest, isAccepted } from "./packet.ts";

const authenticator = Buffer.from("0f403f9473978057bd83d5cb98f4227a", "hex");

test("the request of RFC 2865 section 7.1 has its hidden password", () => {
  const request = { id: 0, authenticator, userName: "nemo", password: "arctangent" };
  const packet = encodeAccessRequest(request, "xyzzy5461").toString("hex");
  expect(packet).toContain("01066e656d6f");
  expect(packet).toContain("02120dbe708d93d413ce3196e43f782a0aee");
});

test("the accept of RFC 2865 section 7.1 is taken, and with another secret or another byte it is not", () => {
  const accept = Buffer.from("0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103", "hex");
  expect(isAccepted(accept, authenticator, "xyzzy5461")).toBe(true);
  expect(isAccepted(accept, authenticator, "another")).toBe(false);
  accept.writeUInt8(2, 25);
  expect(isAccepted(accept, authenticator, "xyzzy5461")).toBe(false);
});

test("a long password is hidden block by block, each with the one before it", () => {
  const password = "a password of more than sixteen letters";
  const packet = encodeAccessRequest({ id: 1, authenticator, userName: "a", password }, "secret");
  const hidden = packet.subarray(packet.length - 48);
  const blocks = [0, 16, 32].map((at) => hidden.subarray(at, at + 16));
  const before = [authenticator, ...blocks];
  const shown = blocks.map((block, index) => {
    const pad = createHash("md5")
      .update("secret")
      .update(before[index] as Buffer)
      .digest();
    return Buffer.from(block.map((byte, at) => byte ^ pad.readUInt8(at)));
  });
  expect(Buffer.concat(shown).toString()).toBe(password.padEnd(48, "\0"));
});
