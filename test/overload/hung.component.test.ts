import { readdir, readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { stopRequest } from "../bench/accounting/records.ts";
import { type Answer, Line } from "../lib/line.ts";
import { until } from "../lib/until.ts";
import { metricOf, population, query, Stack } from "../replication/stack.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };
const BOXES = 20;

let cleanup: AsyncDisposableStack;
let stack: Stack;
beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  stack = cleanup.use(await Stack.start());
}, 30_000);
afterEach(() => cleanup.disposeAsync(), 30_000);

/** The process of a session of the database, by the id that PostgreSQL knows it by, perhaps in a PID namespace. */
async function processOf(database: string, backend: number): Promise<number> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const files = ["cmdline", "status"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => ""));
    const [command = "", status = ""] = await Promise.all(files);
    const isOfDatabase = command.startsWith("postgres:") && command.includes(database);
    if (isOfDatabase && new RegExp(`^NSpid:.*\\b${backend}$`, "m").test(status)) return Number(pid);
  }
  throw new Error(`no process is the session ${backend} of ${database}`);
}

test("boxes are told to come again when the session that commits their records hangs, and each record is stored once", async () => {
  await stack.startOss();
  const url = await stack.database();
  const node = await stack.startNode("tv-aaa-0", url, { ACCOUNTING_COMMIT_SECONDS: "1" });
  await stack.bulk(population(1));
  await stack.untilSynced(node);
  const accessToken = await stack.accessToken({ subscriberId: "s0", deviceId: "box-s0" });
  const lines = await Promise.all(Array.from({ length: BOXES }, () => Line.open(node.url)));
  for (const line of lines) cleanup.use(line);
  const report = (round: string): Promise<Answer[]> =>
    Promise.all(lines.map((line, box) => line.ask(stopRequest(accessToken, round, box))));
  const statusesOf = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status);
  const all = (status: number): number[] => Array(BOXES).fill(status);
  expect(statusesOf(await report("before"))).toEqual(all(200));

  const session =
    "select pid from pg_stat_activity where datname = current_database() and query like '%into accounting%' and pid <> pg_backend_pid()";
  const [found] = await query(url, session);
  const pid = await processOf(new URL(url).pathname.slice(1), Number(found?.pid));
  process.kill(pid, "SIGSTOP");
  cleanup.defer(async () => {
    try {
      process.kill(pid, "SIGCONT");
    } catch {} // It has ended, as it should.
  });

  const refused = await report("hung");
  expect(statusesOf(refused)).toEqual(all(503));
  for (const { retryAfterSeconds, body } of refused) {
    expect([1, 2, 3, 4, 5]).toContain(retryAfterSeconds);
    expect(JSON.parse(body)).toMatchObject({ type: "urn:aaacluster:problem:database-away", status: 503 });
  }
  expect(await metricOf(node, "aaa_node_accounting_waiting")).toBe(0);
  // By another session, while the first one still hangs.
  expect(statusesOf(await report("hung"))).toEqual(all(200));
  expect(statusesOf(await report("after"))).toEqual(all(200));

  process.kill(pid, "SIGCONT");
  const hasEnded = async (): Promise<boolean> => (await query(url, session)).every((row) => row.pid !== found?.pid);
  await until("the session that hung has done what it was told, and ended", hasEnded, DEADLINE);
  const stored = await query(
    url,
    "select split_part(record ->> 'acctSessionId', '-', 1) as round, count(*)::int as count from accounting group by 1 order by 1",
  );
  expect(stored).toEqual(["after", "before", "hung"].map((round) => ({ round, count: BOXES })));
}, 90_000);
