import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { run } from "../test/lib/run.ts";

const SCRIPT = join(import.meta.dirname, "keepalived/holding.sh");
const [HELD, LET_GO] = ["change", "delete"];

interface Look {
  /** What keepalived says that it has become since the last look. */
  readonly becomes?: readonly ("MASTER" | "BACKUP" | "MASTER_RX_LOWER_PRI")[];
  readonly haproxy?: "usable" | "dead";
  readonly keepalived?: "awake" | "paused";
  /** Whether the Kubernetes node has the address. */
  readonly address?: "there" | "gone";
}

/** Looks with the real script: what each look did with the address, and what keepalived was told in the end. */
async function looks(sequence: readonly Look[]): Promise<{ did: string[][]; fault: string }> {
  const folder = await mkdtemp(join(tmpdir(), "aaa-holding-"));
  const steps = sequence.flatMap(({ becomes = [], haproxy = "usable", keepalived = "awake", address = "there" }) => [
    ...becomes.map((state) => `echo 'INSTANCE "gateway" ${state} 250' >&$states`),
    `haproxy=${haproxy} keepalived=${keepalived} address=${address}`,
    "look_after; echo end",
  ]);
  const script = [
    `mkfifo ${folder}/states; exec {states}<> ${folder}/states; fault=${folder}/fault; echo 1 > $fault`,
    `. ${SCRIPT}`,
    `ip() { if [[ $* != *show* ]]; then echo "$2"; elif [ $address = there ]; then echo "$VIRTUAL_IP"; fi; }`,
    `is_usable() { [ $haproxy = usable ]; }; is_awake() { [ $keepalived = awake ]; }`,
    ...steps,
  ].join("\n");
  try {
    const args = ["VIRTUAL_IP=192.0.2.10", "prefix=32", "INTERFACE=eth0", "HEALTH_PORT=1", `state=${folder}`];
    const said = await run("env", [...args, "bash", "-euo", "pipefail", "-c", script]);
    const did = said.split("end\n").slice(0, -1);
    const fault = await readFile(join(folder, "fault"), "utf8");
    return { did: did.map((lines) => lines.split("\n").filter(Boolean)), fault: fault.trim() };
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("a master's address is renewed all the time, and nobody else's is touched", async () => {
  const { did, fault } = await looks([{}, { becomes: ["BACKUP"] }, {}, { becomes: ["MASTER"] }, {}, {}]);
  expect(did).toEqual([[], [], [], [], [HELD], [HELD]]);
  expect(fault).toBe("0");
});

test("what was renewed just when keepalived gave it up is let go, once", async () => {
  const { did } = await looks([{ becomes: ["MASTER"] }, { becomes: ["BACKUP"] }, {}, {}]);
  expect(did).toEqual([[], [HELD], [LET_GO], []]);
});

test("an address that keepalived has taken away is not made again before keepalived says so", async () => {
  const { did } = await looks([{ becomes: ["MASTER"] }, {}, { address: "gone" }, { address: "gone" }, {}]);
  expect(did).toEqual([[], [HELD], [], [], [HELD]]);
});

test("an address that keepalived took again at once is left to it", async () => {
  const { did } = await looks([{ becomes: ["MASTER"] }, { becomes: ["BACKUP", "MASTER"] }, {}, {}]);
  expect(did).toEqual([[], [HELD], [HELD], [HELD]]);
});

test("a master that hears of another one is still the master", async () => {
  const { did } = await looks([{ becomes: ["MASTER"] }, { becomes: ["MASTER_RX_LOWER_PRI"] }, {}, {}]);
  expect(did).toEqual([[], [HELD], [HELD], [HELD]]);
});

test("keepalived is told that HAProxy is dead, and takes the address away itself", async () => {
  const { did, fault } = await looks([{ becomes: ["MASTER"] }, {}, { haproxy: "dead" }, { haproxy: "dead" }]);
  expect(did).toEqual([[], [HELD], [], []]);
  expect(fault).toBe("1");
});

test("a master whose keepalived is paused lets go, and does not hold it again", async () => {
  const paused = { keepalived: "paused" } as const;
  const { did } = await looks([{ becomes: ["MASTER"] }, {}, paused, paused]);
  expect(did).toEqual([[], [HELD], [LET_GO], [LET_GO]]);
});
