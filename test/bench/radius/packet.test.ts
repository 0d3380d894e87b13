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

test("a long password is hidden block by block", () => {
  const encode = (password: string) =>
    encodeAccessRequest({ id: 1, authenticator, userName: "a", password }, "secret").length;
  expect(encode("a".repeat(17)) - encode("a".repeat(16))).toBe(16);
});
