import { describe, expect, test } from "@jest/globals";
import { isRecent, proxyComplaint } from "./go.ts";

describe("isRecent", () => {
  test("accepts the minor version that the tools are built with, and later ones", () => {
    expect(isRecent("go1.26.0\n")).toBe(true);
    expect(isRecent("go1.30rc1\n")).toBe(true);
  });

  test("refuses Debian 12's Go and what is no version", () => {
    expect(isRecent("go1.19.8\n")).toBe(false);
    expect(isRecent("devel +abc\n")).toBe(false);
  });
});

describe("proxyComplaint", () => {
  test("finds the line that names the proxy", () => {
    const stderr =
      'go: downloading x\ngo: x@v1: Get "http://proxy/x.info": dial tcp 127.0.0.1:9: connect: connection refused\n';
    expect(proxyComplaint({ code: 1, stderr })).toMatch(/^go: x@v1: .* connection refused$/);
  });

  test("takes a command that was ended for lack of an answer for a silent proxy", () => {
    expect(proxyComplaint({ code: null, stderr: "" })).toMatch(/nothing came/);
  });

  test("leaves a compiler's error alone", () => {
    expect(proxyComplaint({ code: 1, stderr: "./main.go:3:1: undefined: y\n" })).toBeNull();
  });
});
