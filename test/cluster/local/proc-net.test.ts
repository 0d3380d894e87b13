import { describe, expect, test } from "@jest/globals";
import { listenersOf, overlaps, routesOf } from "./proc-net.ts";

const ROUTES = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
tun0\t0000620A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
`;
const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:192B 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
`;
const TCP6 = `  sl  local_address remote_address st
   0: 00000000000000000000000000000000:094B 00000000000000000000000000000000:0000 0A 0
   1: 00000000000000000000000001000000:094C 00000000000000000000000000000000:0000 0A 0
`;

test("routes are read without the default route", () => {
  expect(routesOf(ROUTES)).toEqual([{ device: "tun0", range: "10.98.0.0/16" }]);
});

test("of the connections only the listening ones are read", () => {
  expect(listenersOf(TCP)).toEqual([{ address: "127.0.0.1", port: 6443 }]);
});

test("a listener on every IPv6 address holds the IPv4 port too, one on ::1 does not", () => {
  expect(listenersOf(TCP6)).toEqual([{ address: "0.0.0.0", port: 2379 }]);
});

describe("overlaps", () => {
  test.each([
    ["10.99.0.0/24", "10.0.0.0/8", true],
    ["10.0.0.0/8", "10.99.0.0/24", true],
    ["10.99.0.0/24", "10.99.0.128/25", true],
    ["10.98.0.0/16", "10.99.0.0/16", false],
    ["10.99.0.0/24", "192.0.2.2/32", false],
  ])("%s and %s: %s", (one, other, expected) => {
    expect(overlaps(one, other)).toBe(expected);
  });
});
