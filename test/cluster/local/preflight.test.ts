import { describe, expect, test } from "@jest/globals";
import { type Machine, problemOf } from "./preflight.ts";

const GOOD: Machine = {
  platform: "linux",
  isRoot: true,
  controllers: ["cpu", "memory", "pids"],
  devices: { lo: "", eth0: "" },
  routes: [{ device: "eth0", range: "192.0.2.0/24" }],
  listeners: [{ address: "127.0.0.1", port: 2379 }],
  freeBytes: { "/var/lib": 50e9 },
  state: "none",
  isRunning: false,
};

/** What a running cluster of ours adds to the machine. */
const RUNNING: Partial<Machine> = {
  isRunning: true,
  state: "ours",
  devices: { eth0: "", "aaa-br": "aaa-cluster", "aaa-n1": "aaa-cluster" },
  routes: [{ device: "aaa-br", range: "10.99.0.0/24" }],
  listeners: [{ address: "10.99.0.1", port: 6443 }],
  freeBytes: { "/var/lib": 5e9 },
};

describe("the local cluster", () => {
  test("may start on a machine where nothing is in its way", () => {
    expect(problemOf(GOOD)).toBeNull();
  });

  test("may be started again while it runs", () => {
    expect(problemOf({ ...GOOD, ...RUNNING })).toBeNull();
  });

  test("may be started again after it was interrupted before it had named its bridge", () => {
    expect(
      problemOf({
        ...GOOD,
        ...RUNNING,
        isRunning: false,
        devices: { "aaa-br": "" },
        listeners: [],
        freeBytes: {},
        state: "ours",
      }),
    ).toBeNull();
  });

  test.each<[string, Partial<Machine>, RegExp]>([
    ["without Linux", { platform: "darwin" }, /needs Linux/],
    ["without root", { isRoot: false }, /needs root/],
    ["without control groups", { controllers: ["cpu"] }, /memory, pids not mounted/],
    ["beside a bridge of the same name", { devices: { "aaa-br": "" } }, /named aaa-br .* not ours/],
    ["beside a VPN on its addresses", { routes: [{ device: "tun0", range: "10.0.0.0/8" }] }, /10\.0\.0\.0\/8 on tun0/],
    ["beside another API server", { listeners: [{ address: "0.0.0.0", port: 6443 }] }, /port 6443 is in use/],
    ["on a full disk", { freeBytes: { "/var/lib": 3.21e9 } }, /3\.2 GB free/],
    ["beside a cluster with another state folder", { isRunning: true }, /its state is not in/],
    ["on a folder that is not its own", { state: "foreign" }, /not ours/],
  ])("does not start %s", (_, difference, message) => {
    const problem = problemOf({ ...GOOD, ...difference });
    expect(problem?.message).toMatch(message);
    expect(problem?.remedy).not.toBe("");
  });
});
