import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { AaaCluster } from "../api/aaacluster.ts";
import { anAaaCluster } from "./testing/fixtures.ts";
import { type Claim, claimKey, claimsOf, clashesOf, virtualRouterIDs } from "./virtual-routers.ts";

const claim = (gateway: string, changes: Partial<Claim> = {}): Claim => ({
  cluster: "aaa/tv",
  gateway,
  virtualIP: `192.0.2.${gateway.length}`,
  wanted: undefined,
  kept: undefined,
  hasIP: false,
  ...changes,
});
const idsOf = (claims: readonly Claim[]): readonly (number | undefined)[] => {
  const ids = virtualRouterIDs(claims);
  return claims.map((one) => ids.get(claimKey(one)));
};

const clashes = (claims: readonly Claim[], of: Pick<Claim, "cluster" | "gateway">): readonly string[] =>
  clashesOf(claims, virtualRouterIDs(claims), claimKey(of));

const keepalived = (virtualIP: string) => ({ mode: "Keepalived" as const, virtualIP, interface: "eth0" });
function aged(name: string, creationTimestamp: string, virtualIP: string): AaaCluster {
  const object = anAaaCluster({ nodes: { gateway: keepalived(virtualIP) } });
  return {
    ...object,
    metadata: { ...object.metadata, name, uid: name, creationTimestamp: creationTimestamp as never },
  };
}

test("only gateways in Keepalived mode need a number, and older clusters come first", () => {
  const claims = claimsOf([
    aged("b", "2026-02-02T00:00:00Z", "192.0.2.2"),
    aged("a", "2026-01-01T00:00:00Z", "192.0.2.1"),
  ]);
  expect(claims.map(claimKey)).toEqual(["aaa/a/a-aaa-gateway", "aaa/b/b-aaa-gateway"]);
  expect(claimsOf([anAaaCluster()])).toEqual([]);
});

test("the number and the address of the status are those that it has", () => {
  const object = aged("a", "2026-01-01T00:00:00Z", "192.0.2.1");
  const gateway = { name: "a-aaa-gateway", virtualRouterID: 77 };
  const claimIn = (address: string): Claim | undefined => {
    const status = { observedGeneration: 1, conditions: [], gateways: [{ ...gateway, address }] };
    return claimsOf([{ ...object, status }])[0];
  };
  expect(claimIn("192.0.2.1:6060")).toMatchObject({ kept: 77, hasIP: true });
  expect(claimIn("192.0.2.10:6060")).toMatchObject({ kept: 77, hasIP: false });
});

test("the number of the spec comes before the one that was kept, and that before any other", () => {
  expect(idsOf([claim("a", { wanted: 5, kept: 6 }), claim("b", { kept: 7 })])).toEqual([5, 7]);
});

test("a number that another spec asks for is given up", () => {
  const [first, second] = idsOf([claim("a", { kept: 5 }), claim("b", { wanted: 5 })]);
  expect(second).toBe(5);
  expect(first).not.toBe(5);
});

test.each<[string, Partial<Claim>, Partial<Claim>, string, string]>([
  ["an address is of the first that asks for it", {}, {}, "bb", "virtualIP 192.0.2.1 of bb is that of a of aaa/tv"],
  ["or of the one that has it", {}, { hasIP: true }, "a", "virtualIP 192.0.2.1 of a is that of bb of aaa/radio"],
  [
    "or of the first that has it",
    { hasIP: true },
    { hasIP: true },
    "bb",
    "virtualIP 192.0.2.1 of bb is that of a of aaa/tv",
  ],
])("%s", (_, one, another, loser, words) => {
  const claims = [claim("a", one), claim("bb", { virtualIP: "192.0.2.1", cluster: "aaa/radio", ...another })];
  expect(claims.flatMap((one) => clashes(claims, one))).toEqual([words]);
  expect(clashes(claims, { cluster: loser === "a" ? "aaa/tv" : "aaa/radio", gateway: loser })).toEqual([words]);
});

test.each<[string, Partial<Claim>, Partial<Claim>, string]>([
  ["a number in two specs is of the first", {}, {}, "virtualRouterID 5 of bb is that of a of aaa/tv"],
  ["or of the one that has it", { kept: 6 }, { kept: 5 }, "virtualRouterID 5 of a is that of bb of aaa/radio"],
])("%s", (_, one, another, words) => {
  const claims = [claim("a", { wanted: 5, ...one }), claim("bb", { wanted: 5, cluster: "aaa/radio", ...another })];
  expect(idsOf(claims)).toEqual([5, 5]);
  expect(claims.flatMap((one) => clashes(claims, one))).toEqual([words]);
});

test("who asks for nothing clashes with nobody", () => {
  expect(clashes([claim("a")], { cluster: "aaa/tv", gateway: "nobody" })).toEqual([]);
});

test("any gateways get numbers that are legal, different, and the same again when they were kept, whoever else comes", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(names, names, (some, more) => {
      const claims = some.map((name) => claim(name));
      const ids = idsOf(claims);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.every((id) => id !== undefined && id >= 1 && id <= 255)).toBe(true);
      const kept = claims.map((one, index) => ({ ...one, kept: ids[index] }));
      const others = more.map((name) => claim(name, { cluster: "aaa/radio" }));
      expect(idsOf([...others, ...kept]).slice(others.length)).toEqual(ids);
    }),
  );
});
