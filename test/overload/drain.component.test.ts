import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { stopRequest } from "../bench/accounting/records.ts";
import { Line } from "../lib/line.ts";
import { until } from "../lib/until.ts";
import { startService } from "../replication/process.ts";
import { nodeState, population, query, Stack } from "../replication/stack.ts";
import { freePorts } from "../services/ports.ts";

const DEADLINE = { deadlineMs: 30_000, intervalMs: 20 };
const BOXES = 24;

let cleanup: AsyncDisposableStack;
let stack: Stack;
beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  stack = cleanup.use(await Stack.start());
}, 30_000);
afterEach(() => cleanup.disposeAsync(), 30_000);

/** What one box met, which never waits between two requests. */
interface Visit {
  answered: number;
  statuses: Set<number>;
  /** Requests that were sent and had no answer. */
  unanswered: number;
}

/** Asks on one connection after the other, until the node accepts none or the gateway would not send there any more. */
async function visit(url: string, token: string, box: number, goesOn: () => boolean): Promise<Visit> {
  const visit: Visit = { answered: 0, statuses: new Set(), unanswered: 0 };
  let line: Line | null = null;
  for (let index = 0; goesOn(); index += 1) {
    line ??= await Line.open(url).catch(() => null);
    if (line === null) break;
    const request = stopRequest(token, `box-${box}`, index);
    const answer = await line.ask(request).catch(() => null);
    if (answer === null) visit.unanswered += 1;
    else {
      visit.answered += 1;
      visit.statuses.add(answer.status);
    }
    if (answer !== null && !answer.closes) continue;
    line[Symbol.dispose]();
    line = null;
  }
  line?.[Symbol.dispose]();
  return visit;
}

test("a node that is told to end while boxes hammer it answers every request, and keeps every record", async () => {
  await stack.startOss();
  const database = await stack.database();
  const [port = 0] = await freePorts(1);
  const env = { ...stack.nodeEnv("tv-aaa-0", database), PORT: String(port), DRAIN_SECONDS: "2" };
  const url = `http://127.0.0.1:${port}`;
  const node = cleanup.use(startService("node-service", env));
  const partition = { url, stop: async () => {} };
  await until("the node answers", () => nodeState(partition), DEADLINE);
  await stack.bulk(population(1));
  await stack.untilSynced(partition);
  const token = await stack.accessToken({ subscriberId: "s0", deviceId: "box-s0" });

  const ready = async (): Promise<boolean> => (await fetch(new URL("/readyz", url))).ok;
  let inService = true;
  const visits = Array.from({ length: BOXES }, (_, box) => visit(url, token, box, () => inService));
  const taken = async (): Promise<number> => Number((await query(database, COUNT))[0]?.count);
  await until("records are taken", async () => (await taken()) > 500, DEADLINE);

  const exited = once(node.child, "exit");
  node.child.kill("SIGTERM");
  await until("it says that it is not ready", async () => !(await ready()), DEADLINE);
  const before = await taken();
  await until("it takes records all the same", async () => (await taken()) > before, DEADLINE);
  // As a gateway does that has asked twice.
  await until("it still says so", async () => !(await ready()), DEADLINE);
  inService = false;
  const all = await Promise.all(visits);
  expect(await exited).toEqual([0, null]);

  expect(all.map(({ unanswered }) => unanswered)).toEqual(Array(BOXES).fill(0));
  for (const { statuses } of all) expect([...statuses]).toEqual([200]);
  const answered = all.reduce((sum, visit) => sum + visit.answered, 0);
  expect(await taken()).toBe(answered);
  const rows = await query(stack.ossDatabase.url, "select count(*)::int as count from accounting");
  expect(rows).toEqual([{ count: answered }]);
}, 60_000);

const COUNT = "select count(*)::int as count from accounting";

test("connections that are in use end one by one before the node closes, without being cut", async () => {
  await stack.startOss();
  const [port = 0] = await freePorts(1);
  const env = { ...stack.nodeEnv("tv-aaa-0", await stack.database()), PORT: String(port), DRAIN_SECONDS: "2" };
  const url = `http://127.0.0.1:${port}`;
  const node = cleanup.use(startService("node-service", env));
  const partition = { url, stop: async () => {} };
  await until("the node answers", () => nodeState(partition), DEADLINE);
  await stack.untilSynced(partition);
  const token = await stack.accessToken({ subscriberId: "s0", deviceId: "box-s0" });
  const lines = await Promise.all(Array.from({ length: BOXES }, () => Line.open(url)));
  for (const line of lines) cleanup.use(line);
  const askAll = (round: string) => Promise.all(lines.map((line, box) => line.ask(stopRequest(token, round, box))));
  expect((await askAll("before")).map(({ closes }) => closes)).toEqual(Array(BOXES).fill(false));
  const exited = once(node.child, "exit");
  node.child.kill("SIGTERM");
  await until("it is not ready", async () => !(await fetch(new URL("/readyz", url))).ok, DEADLINE);
  const last = await askAll("draining");
  expect(last.map(({ status, closes }) => [status, closes])).toEqual(Array(BOXES).fill([200, true]));
  await until("they are closed", () => lines.every(({ isOpen }) => !isOpen), DEADLINE);
  expect(await exited).toEqual([0, null]);
}, 60_000);
