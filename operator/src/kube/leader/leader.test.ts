import { expect, test } from "@jest/globals";
import { until } from "../../../../test/lib/until.ts";
import { fail } from "../testing/fake-api-server.ts";
import { caught, once, SOON, Stage } from "../testing/leader-stage.ts";

test("a lease that does not exist is made, and is ours", async () => {
  await using stage = await Stage.open();
  const changes: boolean[] = [];
  const elector = await stage.leader("us", { onChange: (leading) => changes.push(leading) });
  expect(elector.isLeading).toBe(true);
  expect(elector.term).toBe(0);
  expect(changes).toEqual([true]);
  expect(stage.lease).toMatchObject({
    metadata: { namespace: "system", name: "leader" },
    spec: { holderIdentity: "us", leaseDurationSeconds: 15, leaseTransitions: 0 },
  });
  expect(stage.lease?.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
});

test("a lease that its holder gave away is taken at once, as a new term", async () => {
  await using stage = await Stage.open();
  stage.put({ holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 6 });
  expect((await stage.leader("us")).term).toBe(7);
});

test.each([
  ["an hour ahead", "2126-01-01T01:00:00.000000Z"],
  ["an hour behind", "1999-12-31T23:00:00.000000Z"],
])(
  "a holder whose clock is %s keeps the lease while it renews, and loses it when it does not",
  async (_, renewTime) => {
    await using stage = await Stage.open();
    const held = { holderIdentity: "them", leaseDurationSeconds: 15, leaseTransitions: 0 };
    stage.put({ ...held, renewTime });
    const elector = stage.elector("us");
    const acquired = elector.acquire(stage.signal);
    await stage.more("GET");
    stage.now += 14_999;
    await stage.more("GET");
    stage.put({ ...held, renewTime: renewTime.replace("00:00.0", "00:14.9") });
    await stage.more("GET");
    stage.now += 14_999;
    await stage.more("GET");
    expect(stage.server.writes).toEqual([]);
    stage.now += 1;
    await acquired;
    expect(stage.lease?.spec).toMatchObject({ holderIdentity: "us", leaseTransitions: 1 });
  },
);

test.each([
  ["makes the lease", undefined],
  ["takes the free lease", { holderIdentity: "" }],
])("of two that race, one %s and the other goes on waiting", async (_, spec) => {
  await using stage = await Stage.open();
  if (spec !== undefined) stage.put(spec);
  const held: (() => void)[] = [];
  stage.fault = (call, response) => {
    if (call.method === "GET" || held.length >= 2) return false;
    // Both have looked before either of them writes.
    held.push(() => stage.server.answer(call, response));
    if (held.length === 2) for (const proceed of held) proceed();
    return true;
  };
  const stop = new AbortController();
  const electors = [stage.elector("a"), stage.elector("b")];
  const acquired = electors.map((elector) => caught(elector.acquire(stop.signal)));
  await until("somebody leads", () => electors.some(({ isLeading }) => isLeading), SOON);
  await stage.more("GET");
  expect(electors.filter(({ isLeading }) => isLeading).map(({ term }) => term)).toEqual([0]);
  expect(stage.server.writes.length).toBe(2);
  stop.abort(new Error("enough"));
  expect((await Promise.all(acquired)).map(String).sort()).toEqual(["Error: enough", "undefined"]);
});

test("waiting for the lease ends with the signal, by its reason and without a write", async () => {
  await using stage = await Stage.open();
  stage.put({ holderIdentity: "them", leaseDurationSeconds: 15 });
  const stop = new AbortController();
  const acquired = caught(stage.elector("us").acquire(stop.signal));
  await stage.more("GET");
  stop.abort(new Error("enough"));
  expect(String(await acquired)).toBe("Error: enough");
  expect(stage.server.writes).toEqual([]);
});

test("a lease that was ours too late is taken again before we lead, in the same term", async () => {
  await using stage = await Stage.open();
  stage.fault = once(() => {
    stage.now += 10_000;
    return false;
  });
  const elector = await stage.leader("us");
  expect(elector.isLeading).toBe(true);
  expect(elector.term).toBe(0);
  expect(stage.server.writes.map(({ method }) => method)).toEqual(["POST", "PUT"]);
});

test("an election goes on while the API server fails", async () => {
  await using stage = await Stage.open();
  let left = 5;
  stage.fault = (_, response) => {
    if (left-- <= 0) return false;
    if (left % 2 === 0) fail(response, 500, "InternalError");
    else response.destroy();
    return true;
  };
  expect((await stage.leader("us")).isLeading).toBe(true);
});

test("fields that nobody here knows stay in the lease", async () => {
  await using stage = await Stage.open();
  const unknown = { strategy: "OldestEmulationVersion", fieldOfTheFuture: { x: [null] } };
  stage.put({ holderIdentity: "", ...unknown });
  const elector = await stage.leader("us");
  await elector.release();
  expect(stage.lease?.spec).toMatchObject(unknown);
});

test.each([
  { leaseDurationMs: 10_000, renewDeadlineMs: 10_000 },
  { renewDeadlineMs: 5 },
  { retryPeriodMs: 0 },
  { renewDeadlineMs: Number.NaN },
])("durations that contradict each other are refused: %j", async (durations) => {
  await using stage = await Stage.open();
  expect(() => stage.elector("us", durations)).toThrow(/lease duration > renew deadline > retry period > 0 is wanted/);
});
