import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { NodeService } from "../../node-service/src/service.ts";
import { until } from "../lib/until.ts";
import { metricOf, population, Stack } from "../replication/stack.ts";
import { newKey, writeKeys } from "./keys.ts";
import { SteppingBox } from "./two-nodes.ts";

jest.setTimeout(60_000);

const DEADLINE = { deadlineMs: 20_000, intervalMs: 100 };
const DECOY = newKey({ kid: "decoy", key_ops: ["deriveBits"] });
const [ONE, TWO, THREE] = ["one", "two", "three"].map((kid) => newKey({ kid }));

let stack: Stack;
let folder: string;
let files: readonly [string, string];
let nodes: [NodeService, NodeService];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aaa-rotation-"));
  files = [join(folder, "0"), join(folder, "1")];
  for (const file of files) await writeKeys(file, ONE as object, TWO as object, DECOY);
  stack = await Stack.start();
  await stack.startOss();
  nodes = [
    await stack.startNode("tv-aaa-0", undefined, { SIGNING_KEYS_FILE: files[0] }),
    await stack.startNode("tv-aaa-1", undefined, { SIGNING_KEYS_FILE: files[1] }),
  ];
  await stack.bulk(population(4));
  await stack.untilSynced(...nodes);
}, 60_000);

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
}, 30_000);

const url = (index: number): string => (nodes[index % 2] as NodeService).url;
const claimant = (id: string) => ({ subscriberId: id, password: `password-${id}`, deviceId: `box-${id}` });
const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;

async function admitted(id: string, at = 0): Promise<SteppingBox> {
  const box = new SteppingBox(claimant(id));
  await box.challenge(url(at), "abcdefgh");
  expect((await box.prove(url(at + 1))).status).toBe(200);
  return box;
}

/** Rotates the keys of one node and waits until it signs with another. */
async function rotate(node: 0 | 1, signing: string, ...keys: readonly (object | undefined)[]): Promise<void> {
  await writeKeys(files[node], ...(keys as object[]), DECOY);
  const signs = async (): Promise<boolean> => {
    const box = new SteppingBox(claimant("s0"));
    await box.challenge(url(node), "abcdefgh");
    return (await box.prove(url(node))).status === 200 && kidOf(box.accessToken) === signing;
  };
  await until(`node ${node} signs with ${signing}`, signs, DEADLINE);
}

test("a rotation logs nobody out, also between the one node's and the other's", async () => {
  const old = await admitted("s1");
  expect(kidOf(old.accessToken)).toBe("one");
  const halfway = new SteppingBox(claimant("s2"));
  await halfway.challenge(url(0), "abcdefgh");
  const salt = async (index: number): Promise<string> => {
    const { body } = await new SteppingBox(claimant("nobody")).challenge(url(index), "abcdefgh");
    return String(body.serverFirst).split(",").slice(1).join();
  };
  const salts = [await salt(0), await salt(1)];

  await rotate(0, "two", TWO, THREE, ONE);
  for (const box of [old, await admitted("s1"), await admitted("s1", 1)]) {
    for (const index of [0, 1]) expect((await box.authorize(url(index))).status).toBe(200);
    for (const index of [0, 1]) expect((await box.refresh(url(index))).status).toBe(200);
  }
  await rotate(1, "two", TWO, THREE, ONE);
  expect((await halfway.prove(url(1))).status).toBe(200);
  for (const index of [0, 1]) expect((await old.refresh(url(index))).status).toBe(200);
  expect(kidOf(old.accessToken)).toBe("two");
  expect([await salt(0), await salt(1), salts[1]]).toEqual([salts[0], salts[0], salts[0]]);
}, 60_000);

test("a key that is taken out of the file ends the tokens it signed, and a broken file changes nothing", async () => {
  const box = await admitted("s3");
  await writeKeys(files[0]);
  await until(
    "the node says it",
    async () => (await metricOf({ url: url(0) }, "aaa_node_signing_keys_broken")) === 1,
    DEADLINE,
  );
  expect((await box.authorize(url(0))).status).toBe(200);
  await rotate(0, "three", THREE);
  expect(await metricOf({ url: url(0) }, "aaa_node_signing_keys_broken")).toBe(0);
  expect((await box.authorize(url(0))).status).toBe(401);
  expect((await box.refresh(url(0))).status).toBe(401);
  expect((await box.authorize(url(1))).status).toBe(200);
}, 60_000);
