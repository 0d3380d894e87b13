import { expect, test } from "@jest/globals";
import type { Allowed } from "./isolation.ts";
import { rulesetOf } from "./ruleset.ts";

/** The rules of the chain of one pod that is allowed that much. */
function rulesOf(direction: "ingress" | "egress", ...allowed: readonly Allowed[]): string[] {
  const text = rulesetOf([{ address: "10.0.1.1", direction, allowed }]);
  const [, chain = ""] = text.split(`chain ${direction}-10.0.1.1 {\n`);
  const [rules = ""] = chain.split("\n  }");
  return rules.split("\n").map((line) => line.trim());
}

test("what is not allowed is dropped", () => {
  expect(rulesOf("ingress")).toEqual(["drop"]);
});

test("what is allowed goes on to be judged by the other end", () => {
  expect(rulesOf("ingress", { peers: null, port: null })).toEqual(["return", "drop"]);
});

test("the far end is the source of what comes in and the destination of what goes out", () => {
  const allowed = { peers: { addresses: ["10.0.2.1", "10.0.2.2"] }, port: { protocol: "TCP", range: "80-90" } };
  expect(rulesOf("ingress", allowed)[0]).toBe("ip saddr { 10.0.2.1, 10.0.2.2 } tcp dport 80-90 return");
  expect(rulesOf("egress", allowed)[0]).toBe("ip daddr { 10.0.2.1, 10.0.2.2 } tcp dport 80-90 return");
});

test("exceptions of a range, and a protocol without a port", () => {
  const peers = { addresses: ["10.0.0.0/8"], except: ["10.1.0.0/16"] };
  expect(rulesOf("ingress", { peers, port: { protocol: "UDP", range: null } })[0]).toBe(
    "ip saddr { 10.0.0.0/8 } ip saddr != { 10.1.0.0/16 } meta l4proto udp return",
  );
});

test("a peer that is no pod now allows nobody", () => {
  expect(rulesOf("ingress", { peers: { addresses: [] }, port: null })).toEqual(["drop"]);
});

test("a pod's packets are judged in both directions, but not those to itself", () => {
  const isolation = { address: "10.0.1.1", allowed: [] };
  const text = rulesetOf([
    { ...isolation, direction: "ingress" },
    { ...isolation, direction: "egress" },
  ]);
  const positions = [
    "ct state established,related accept",
    "ip saddr . ip daddr { 10.0.1.1 . 10.0.1.1 } accept",
    "ip saddr vmap { 10.0.1.1 : jump egress-10.0.1.1 }",
    "ip daddr vmap { 10.0.1.1 : jump ingress-10.0.1.1 }",
  ].map((rule) => text.indexOf(rule));
  expect(positions).not.toContain(-1);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
});
