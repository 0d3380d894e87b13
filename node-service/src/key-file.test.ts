import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { until } from "../../test/lib/until.ts";
import { followKeys, type KeyFile } from "./key-file.ts";

const DEADLINE = { deadlineMs: 5_000, intervalMs: 5 };
const setOf = (kid: string): string =>
  JSON.stringify({ keys: [{ kty: "oct", kid, alg: "HS256", k: Buffer.alloc(32, kid).toString("base64url") }] });

let folder: string;
let lines: { level: number; msg: string; reason?: string }[];
let file: KeyFile;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aaa-keys-"));
  lines = [];
  await mount(1, setOf("one"));
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  file = await followKeys(join(folder, "jwks.json"), log, 5);
});

afterEach(async () => {
  file.stop();
  await rm(folder, { recursive: true });
});

/** As the kubelet writes a Secret: a new folder, and a link to it that is turned at once. */
async function mount(version: number, text: string): Promise<void> {
  await mkdir(join(folder, `..${version}`));
  await writeFile(join(folder, `..${version}`, "jwks.json"), text);
  await symlink(`..${version}`, join(folder, "..data_tmp"));
  await rename(join(folder, "..data_tmp"), join(folder, "..data"));
  if (version === 1) await symlink("..data/jwks.json", join(folder, "jwks.json"));
}

const signing = (): string => file.keys.names(new Date()).signing;
const logged = (level: number) => lines.filter((line) => line.level === level);

test("another Secret is taken without a restart", async () => {
  await mount(2, setOf("two"));
  await until("the new key signs", async () => signing() === "two", DEADLINE);
  expect(logged(30)).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toContain(Buffer.alloc(32, "two").toString("base64url"));
});

test("what cannot be used is logged once, the old keys stay, and what is right again is taken", async () => {
  await mount(2, '{"keys":[');
  await until("it is known to be broken", async () => file.isBroken(), DEADLINE);
  expect(signing()).toBe("one");
  await rm(join(folder, "..data"));
  await until("that it is gone is logged too", async () => logged(50).length === 2, DEADLINE);
  expect(signing()).toBe("one");
  await mount(3, setOf("three"));
  await until("the new key signs", async () => signing() === "three", DEADLINE);
  await until("it is not broken any more", async () => !file.isBroken(), DEADLINE);
  expect(logged(50).map(({ reason }) => reason)).toEqual([
    expect.stringContaining("must be"),
    expect.stringContaining("cannot read"),
  ]);
});
