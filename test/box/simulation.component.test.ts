import { expect, test } from "@jest/globals";
import type { NodeService } from "../../node-service/src/service.ts";
import { until } from "../lib/until.ts";
import { population, query, Stack } from "../replication/stack.ts";
import { type Phase, type PhaseReport, type Scenario, simulate } from "./simulation.ts";

const BOXES = 40;
const PHASES: readonly Phase[] = [
  { name: "install" },
  { name: "boot", withinMs: 200 },
  { name: "watch", forMs: 2_000 },
  { name: "power cut", forMs: 100, withinMs: 0 },
  { name: "watch", forMs: 1_500 },
  { name: "off" },
];

test("boxes come back after a power cut, and every record that they were told is taken is at OSS, once", async () => {
  await using stack = await Stack.start();
  await stack.startOss();
  await stack.bulk(population(BOXES));
  const node = await stack.startNode("tv-aaa-0");
  await stack.untilSynced(node);

  const reports = await reportsOf(scenario(node));

  const admissions = reports.map(({ operations }) => operations.authenticate.succeeded);
  expect(admissions).toEqual([BOXES, BOXES, 0, BOXES, 0, 0]);
  expect(reports.map(({ boxesOn }) => boxesOn)).toEqual([0, BOXES, BOXES, BOXES, BOXES, 0]);
  const failed = reports.flatMap(({ operations }) => Object.values(operations)).filter(({ givenUp }) => givenUp > 0);
  expect(failed).toEqual([]);
  const decisions = Object.assign({}, ...reports.map((report) => report.decisions));
  expect(Object.keys(decisions).sort()).toEqual(["Deny (NotEntitled)", "Permit (Entitled)"]);
  expect(Object.keys(reports[0]?.nodes ?? {})).toEqual(["tv-aaa-0"]);

  const taken = reports.reduce((sum, { operations }) => sum + operations.account.succeeded, 0);
  const records = await until("OSS has every record", () => recordsOf(stack, taken), { deadlineMs: 30_000 });
  // The power cut may have come between the node's commit and its answer, once for each box.
  expect(records.length - taken).toBeLessThanOrEqual(BOXES);
  const sessions = [...Map.groupBy(records, ({ session }) => session).values()];
  for (const session of sessions) {
    const [first, ...more] = session.toSorted((a, b) => a.number - b.number);
    expect(first).toMatchObject({ number: 0, type: "Start" });
    expect(more.map(({ number }) => number)).toEqual(more.map((_, index) => index + 1));
    expect(more.slice(0, -1).every(({ type }) => type === "Interim-Update")).toBe(true);
  }
  // Only the session that the power cut ended has no Stop.
  const open = sessions.filter((session) => !session.some(({ type }) => type === "Stop"));
  expect(open.length).toBeGreaterThan(0);
  expect(open.length).toBeLessThanOrEqual(BOXES);
}, 120_000);

function scenario(node: NodeService): Scenario {
  return {
    gatewayUrl: node.url,
    boxes: Array.from({ length: BOXES }, (_, index) => ({
      subscriberId: `s${index}`,
      deviceId: `box-s${index}`,
      password: `password-s${index}`,
    })),
    phases: PHASES,
    habits: { services: ["channel:news-1", "channel:opera"], stayMs: 300, glanceMs: 100, interimMs: 200 },
    seed: 1,
    run: "run",
    timeoutMs: 10_000,
    patienceMs: 60_000,
  };
}

interface StoredRecord {
  readonly session: string;
  readonly number: number;
  readonly type: string;
}

/** The records that OSS has, once these are at least so many. */
async function recordsOf(stack: Stack, atLeast: number): Promise<StoredRecord[] | null> {
  const rows = await query(
    stack.ossDatabase.url,
    `select device_id || ' ' || (record ->> 'acctSessionId') as session, record ->> 'acctStatusType' as type,
       (record ->> 'accountingRecordNumber')::int as number
     from accounting`,
  );
  return rows.length >= atLeast ? (rows as unknown as StoredRecord[]) : null;
}

async function reportsOf(given: Scenario): Promise<PhaseReport[]> {
  const reports: PhaseReport[] = [];
  for await (const report of simulate(given)) reports.push(report);
  return reports;
}
