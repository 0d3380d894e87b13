import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databaseSettings, readContent } from "@aaa-cluster/service-kit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { NodeService } from "../../node-service/src/service.ts";
import { freshDatabase } from "../services/fresh.ts";
import { libpqEnv } from "../services/postgresql.ts";
import { type CommandResult, runCommand } from "./process.ts";
import { nodeState, population, query, Stack } from "./stack.ts";

const NAMES = ["tv-aaa-0", "tv-aaa-1", "tv-aaa-2"];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aaa-compare-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("of three nodes and OSS", () => {
  let stack: Stack;
  let nodes: NodeService[];
  let databases: string[];
  beforeAll(async () => {
    stack = await Stack.start();
    await stack.startOss();
    databases = await Promise.all(NAMES.map(() => stack.database()));
    nodes = await Promise.all(NAMES.map((name, index) => stack.startNode(name, databases[index])));
    await stack.bulk(population(60));
    for (const path of ["entitlements/e-s2", "devices/box-s2", "subscribers/s2"]) {
      expect(await stack.call("DELETE", `/v1/${path}`)).toMatchObject({ status: 200 });
    }
  }, 60_000);
  beforeEach(() => stack.untilSynced(...nodes), 30_000);
  afterAll(() => stack?.[Symbol.asyncDispose](), 30_000);

  const settingsOf = (name: string): Record<string, string> =>
    stack.nodeEnv(name, databases[NAMES.indexOf(name)] as string);

  async function read(name: string, ...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await (name === "oss-0"
      ? runCommand("oss-service", ["content", ...args], { settings: stack.ossEnv("oss-0") })
      : runCommand("node-service", ["content", ...args], { settings: settingsOf(name) }));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return stdout;
  }

  /** What `compare` says of readings, each as a file. */
  async function compare(...readings: readonly string[]): Promise<CommandResult> {
    const files = readings.map((_, index) => join(folder, String(index)));
    await Promise.all(readings.map((text, index) => writeFile(files[index] as string, text)));
    return runCommand("node-service", ["compare", ...files]);
  }

  /** Changes what a node has of one name behind its back, for as long as `work` takes. */
  async function damaged(name: string, id: string, damage: string, work: () => Promise<void>): Promise<void> {
    const url = databases[NAMES.indexOf(name)] as string;
    await query(url, `create table kept as select * from entities where entity_id = '${id}'`);
    try {
      await query(url, damage);
      await work();
    } finally {
      const putBack = "insert into entities select * from kept; drop table kept";
      await query(url, `delete from entities where entity_id = '${id}'; ${putBack}`);
    }
  }

  test("nodes that have everything agree with OSS, and show no payload", async () => {
    const readings = await Promise.all(["oss-0", ...NAMES].map((name) => read(name, "--bucket", "all")));
    const { status, stdout } = await compare(...readings);
    expect({ status, verdict: stdout.trimEnd().split("\n").at(-1) }).toEqual({ status: 0, verdict: "same" });
    const { digest, sequence } = await nodeState(nodes[0] as NodeService);
    for (const name of ["oss-0", ...NAMES]) {
      expect(stdout).toMatch(new RegExp(`${name} +sequence ${sequence} of epoch \\d+, digest ${digest}\n`));
    }
    expect(readings[0]?.match(/^entity\tSubscriber\t/gm)).toHaveLength(60);
    expect(readings.join("")).not.toMatch(/credential|active|scheme/);
  }, 60_000);

  test.each([
    ["changed", 'update entities set payload = payload || \'{"status": "suspended"}\'', "version 1, [0-9a-f]{16}"],
    ["set back", "update entities set version = version - 1", "version 0, [0-9a-f]{16}"],
    ["deleted", "delete from entities", "absent"],
  ])(
    "an entity that somebody %s at one node is named, with what each of them has",
    (_, damage, has) =>
      damaged("tv-aaa-1", "s7", `${damage} where entity_id = 's7'`, async () => {
        const names = ["oss-0", ...NAMES];
        const { status, stdout } = await compare(...(await Promise.all(names.map((name) => read(name)))));
        expect(status).toBe(1);
        const [, bucket] = /different: bucket ([0-9a-f]{2})\n/.exec(stdout) ?? [];
        expect(bucket).toBeDefined();
        const readings = await Promise.all(names.map((name) => read(name, `--bucket=${bucket}`)));
        expect(readings.join("").length).toBeLessThan(60_000);
        const named = await compare(...readings);
        expect(named.status).toBe(1);
        expect(named.stdout).toContain(`different: 1 entity in bucket ${bucket}\n  Subscriber s7\n`);
        expect(named.stdout).toMatch(new RegExp(`    tv-aaa-1 at \\d+: ${has}\n`));
        expect(named.stdout).toMatch(/ {4}tv-aaa-0 at \d+: version 1, [0-9a-f]{16}\n/);
        expect(named.stdout).toMatch(/ {4}oss-0 at \d+: version 1, [0-9a-f]{16}\n/);
      }),
    60_000,
  );

  /** Readings of OSS and two nodes, twice, while somebody writes; mixed and sorted as a shell does. */
  async function readWhileWriting(): Promise<string> {
    const stop = new AbortController();
    let writes = 0;
    const writing = (async () => {
      for (; !stop.signal.aborted; writes += 1) {
        await stack.put(`subscribers/s${writes % 5}`, {
          status: writes % 2 === 0 ? "suspended" : "active",
          password: "p",
        });
      }
    })();
    try {
      const readings: string[] = [];
      const names = ["oss-0", "tv-aaa-0", "tv-aaa-2"];
      for (const name of [...names, ...names]) readings.push(await read(name, "--bucket", "all"));
      return `${readings.join("").trimEnd().split("\n").sort().join("\n")}\n`;
    } finally {
      stop.abort();
      await writing;
    }
  }

  test("nodes that are at different places are compared rightly while writes go on", async () => {
    const { status, stdout } = await runCommand("oss-service", ["compare", "-"], { input: await readWhileWriting() });
    expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringMatching(/\nsame; \d+ entit/) });
    expect(new Set(stdout.match(/sequence \d+/g)).size).toBeGreaterThan(1);
  }, 60_000);

  test.each([
    ["changed", "update entities set payload = payload || '{\"status\": \"suspended\"}' where entity_id = 's9'", "s9"],
    ["deleted", "delete from entities where entity_id = 's9'", "s9"],
    ["invented", "insert into entities select entity, 'who', 1, payload from entities where entity_id = 's9'", "who"],
  ])(
    "an entity that somebody %s at one node is named while writes go on",
    (_, damage, id) =>
      damaged("tv-aaa-2", id, damage, async () => {
        const { status, stdout } = await runCommand("node-service", ["compare", "-"], {
          input: await readWhileWriting(),
        });
        expect({ status, stdout }).toMatchObject({
          status: 1,
          stdout: expect.stringContaining(`\n  Subscriber ${id}\n`),
        });
        expect(stdout).toContain("different: 1 entity in bucket");
      }),
    60_000,
  );

  test("a reading that nobody takes does not keep a node from putting a snapshot in the place of its table", async () => {
    const url = databases[0] as string;
    await query(url, "alter table entities rename to kept; create table entities as table kept");
    await query(url, "insert into entities select 'Device', 'd' || n, 1, '{}' from generate_series(1, 20000) n");
    const lines = readContent({
      database: databaseSettings(libpqEnv(url)),
      name: "tv-aaa-0",
      place: "select epoch, sequence from watermark",
      buckets: "all",
    });
    expect((await lines.next()).value).toMatch(/^at\ttv-aaa-0@/);
    await query(url, "set lock_timeout = '2s'; drop table entities; alter table kept rename to entities");
    let count = 0;
    for await (const line of lines) if (line.startsWith("entity\tDevice\td")) count += 1;
    expect(count).toBe(20_000);
  }, 60_000);
});

describe("what cannot be done is refused, and it is said what to write", () => {
  test.each<[string, readonly string[], string]>([
    ["an unknown command", ["compair"], 'there is no command "compair"; write nothing to run the service, content'],
    ["an unknown option", ["content", "--buckets", "all"], "Unknown option '--buckets'"],
    ["a word too many", ["content", "0a"], '"0a" is nothing that content takes; write nothing to run'],
    ["a bucket that is none", ["content", "--bucket", "0a,256"], 'hexadecimal digits, 00 to ff, or all; not "256"'],
    ["content without a database", ["content"], "set PGHOST: the database's host"],
    ["compare without a file", ["compare"], "name the files that content was written to, or - for standard input"],
    ["compare with no reading", ["compare", "-"], "give two readings or more; here is none"],
    ["a file that is not there", ["compare", "/no/such/file"], "no such file or directory, open '/no/such/file'"],
  ])("%s", async (_, args, message) => {
    const result = await runCommand("node-service", args, { settings: { PARTITION: "tv-aaa-0", PGHOST: "" } });
    expect(result).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining(message) });
    expect(result.stderr).toMatch(/^error: .*\n$/);
  });

  test("a database that is still empty", async () => {
    await using database = await freshDatabase();
    const settings = { PARTITION: "tv-aaa-0", ...libpqEnv(database.url) };
    const { status, stderr } = await runCommand("node-service", ["content"], { settings });
    const message = "this database has no content yet: the service makes it when it starts";
    expect({ status, stderr }).toEqual({ status: 2, stderr: `error: ${message}\n` });
  });
});
