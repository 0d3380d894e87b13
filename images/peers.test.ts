import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { run } from "../test/lib/run.ts";

const SCRIPT = join(import.meta.dirname, "keepalived/peers.sh");

interface Look {
  /** Seconds after the start. */
  readonly at: number;
  /** What DNS says then. */
  readonly found: readonly string[];
}

/** Looks with the real script, and a DNS that says what the look says: the changes that each of them made, or "". */
async function looks(hostIP: string, sequence: readonly Look[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "aaa-peers-"));
  const steps = sequence.map(
    ({ at, found }) => `SECONDS=${at} FOUND="${found.map((ip) => `${ip} STREAM\n`).join("")}"; find_peers || echo`,
  );
  const script = [`. ${SCRIPT}`, `getent() { echo "$FOUND" | grep .; }`, ...steps].join("\n");
  try {
    const args = ["CANDIDATES=candidates", "family=4", `HOST_IP=${hostIP}`, `peers=${folder}/peers.conf`];
    const said = await run("env", [...args, "bash", "-euo", "pipefail", "-c", script]);
    return said.split("\n").slice(0, -1);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("a candidate that DNS names is a peer at once", async () => {
  expect(
    await looks("10.0.0.1", [
      { at: 0, found: ["10.0.0.1", "10.0.0.2"] },
      { at: 1, found: ["10.0.0.1", "10.0.0.2"] },
      { at: 2, found: ["10.0.0.1", "10.0.0.2", "10.0.0.3"] },
    ]),
  ).toEqual(["peers: 10.0.0.2", "", "peers: 10.0.0.2 10.0.0.3"]);
});

test("DNS servers that disagree about who has gone change nothing", async () => {
  const [all, fewer] = [
    ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
    ["10.0.0.1", "10.0.0.2"],
  ];
  expect(
    await looks(
      "10.0.0.1",
      [0, 1, 2, 3, 4, 5, 6].map((at) => ({ at, found: at % 2 === 0 ? all : fewer })),
    ),
  ).toEqual(["peers: 10.0.0.2 10.0.0.3", "", "", "", "", "", ""]);
});

test("who stays away is no peer any more when every DNS server must have forgotten it", async () => {
  const [all, fewer] = [
    ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
    ["10.0.0.1", "10.0.0.2"],
  ];
  expect(
    await looks("10.0.0.1", [
      { at: 0, found: all },
      { at: 10, found: fewer },
      // It came back in between: the time begins anew.
      { at: 40, found: all },
      { at: 50, found: fewer },
      // The clock of bash runs on meanwhile, so not at the very second.
      { at: 83, found: fewer },
      { at: 87, found: fewer },
      { at: 88, found: fewer },
    ]),
  ).toEqual(["peers: 10.0.0.2 10.0.0.3", "", "", "", "", "peers: 10.0.0.2", ""]);
});

test("one that is alone, or that DNS does not know, keeps the peers that it knew", async () => {
  expect(
    await looks("10.0.0.1", [
      { at: 0, found: ["10.0.0.1", "10.0.0.2"] },
      { at: 1, found: ["10.0.0.1"] },
      { at: 2, found: ["10.0.0.2", "10.0.0.3"] },
      { at: 100, found: [] },
    ]),
  ).toEqual(["peers: 10.0.0.2", "", "", ""]);
});
