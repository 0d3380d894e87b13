import { expect, test } from "@jest/globals";
import { until } from "../../../../test/lib/until.ts";
import { LeadershipLost, NotLeading } from "../client/errors.ts";
import { caught, failing, once, PATH, SOON, Stage } from "../testing/leader-stage.ts";
import type { Lease } from "./lease.ts";

test("a leader renews, each time with another renewTime", async () => {
  await using stage = await Stage.open();
  const elector = await stage.leader("us");
  const stop = new AbortController();
  const held = elector.hold(stop.signal);
  for (let i = 0; i < 4; i++) {
    await stage.more("PUT");
    stage.now += 9_000;
  }
  stop.abort();
  await held;
  expect(elector.isLeading).toBe(true);
  expect(elector.term).toBe(0);
  const times = stage.server.writes.map(({ body }) => (body as Lease).spec?.renewTime);
  expect(new Set(times).size).toBe(times.length);
});

test("a renewal counts from before it was sent", async () => {
  await using stage = await Stage.open();
  const elector = await stage.leader("us");
  const held = caught(elector.hold(stage.signal));
  stage.fault = once(() => {
    stage.now += 4_000;
    stage.fault = failing;
    return false;
  });
  await stage.more("PUT");
  stage.now += 5_999;
  expect(elector.isLeading).toBe(true);
  stage.now += 1;
  expect(elector.isLeading).toBe(false);
  expect(await held).toBeInstanceOf(LeadershipLost);
});

test("a leader that cannot renew tries until its deadline, and has then lost", async () => {
  await using stage = await Stage.open();
  const changes: boolean[] = [];
  const elector = await stage.leader("us", { onChange: (leading) => changes.push(leading) });
  stage.fault = failing;
  const held = caught(elector.hold(stage.signal));
  await stage.more("PUT");
  stage.now += 9_990;
  await stage.more("PUT");
  elector.assertLeading();
  stage.now += 10;
  expect(elector.assertLeading).toThrow(NotLeading);
  expect(await held).toBeInstanceOf(LeadershipLost);
  expect(elector.term).toBeUndefined();
  expect(changes).toEqual([true, false]);
});

test("a process that wakes after its deadline does not lead, though it has not looked yet and its answer comes", async () => {
  await using stage = await Stage.open();
  const elector = await stage.leader("us");
  stage.fault = once(() => {
    stage.now += 10_000;
    expect(elector.isLeading).toBe(false);
    return false;
  });
  expect(await caught(elector.hold(stage.signal))).toBeInstanceOf(LeadershipLost);
  expect(stage.lease?.spec?.holderIdentity).toBe("us");
  expect(elector.isLeading).toBe(false);
});

test("a renewal that came through though its answer was lost does not cost the lease", async () => {
  await using stage = await Stage.open();
  const elector = await stage.leader("us");
  const held = caught(elector.hold(stage.signal));
  stage.fault = once((call, response) => {
    stage.server.put(PATH, call.body ?? null);
    response.destroy();
    return true;
  });
  await stage.more("PUT", 4);
  stage.now += 6_000;
  await stage.more("PUT");
  stage.now += 6_000;
  expect(elector.isLeading).toBe(true);
  await stage[Symbol.asyncDispose]();
  await held;
});

test.each<[string, (stage: Stage) => void, string]>([
  ["somebody else takes it", (stage) => stage.put({ holderIdentity: "them" }), "them holds the lease"],
  ["somebody gives it away", (stage) => stage.put({ holderIdentity: "" }), "nobody holds the lease"],
  ["somebody deletes it", (stage) => stage.server.put(PATH, null), "the lease was deleted"],
])("a leader has lost the lease as soon as %s", async (_, act, message) => {
  await using stage = await Stage.open();
  const elector = await stage.leader("us");
  act(stage);
  expect(String(await caught(elector.hold(stage.signal)))).toBe(`LeadershipLost: ${message}`);
  expect(elector.isLeading).toBe(false);
});

test("one request that hangs leaves time for others before the deadline", async () => {
  await using stage = await Stage.open();
  const monotonicNow = () => performance.now();
  const elector = await stage.leader("us", { leaseDurationMs: 3_000, renewDeadlineMs: 2_000, monotonicNow });
  const deadline = performance.now() + 2_000;
  stage.fault = once(() => true);
  const held = elector.hold(stage.signal);
  await until("the first deadline is over", () => performance.now() > deadline, SOON);
  expect(elector.isLeading).toBe(true);
  await stage[Symbol.asyncDispose]();
  await held;
});

test("a request that hangs ends at the deadline at the latest", async () => {
  await using stage = await Stage.open();
  const elector = await stage.leader("us", { leaseDurationMs: 700_000, renewDeadlineMs: 600_000 });
  stage.now += 599_990;
  stage.fault = once(() => true);
  const held = elector.hold(stage.signal);
  await stage.more("PUT");
  await stage[Symbol.asyncDispose]();
  await held;
});

test("a released lease is free at once, and nothing of ours leaves after it", async () => {
  await using stage = await Stage.open();
  const changes: boolean[] = [];
  const elector = await stage.leader("us", { onChange: (leading) => changes.push(leading) });
  const ledAtRelease: boolean[] = [];
  stage.fault = () => {
    ledAtRelease.push(elector.isLeading);
    return false;
  };
  await elector.release();
  expect(ledAtRelease).toEqual([false]);
  expect(changes).toEqual([true, false]);
  expect(stage.lease?.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 0 });
  expect((await stage.leader("them")).term).toBe(1);
});

test("a lease is released also when a renewal came through unnoticed", async () => {
  await using stage = await Stage.open();
  const elector = await stage.leader("us");
  stage.server.put(PATH, { ...stage.lease, metadata: { namespace: "system", name: "leader" } } as Lease);
  await elector.release();
  expect(stage.lease?.spec?.holderIdentity).toBe("");
});

test("a release that fails does not reject, and we lead no longer", async () => {
  await using stage = await Stage.open();
  const elector = await stage.leader("us");
  stage.fault = failing;
  await elector.release();
  expect(elector.isLeading).toBe(false);
  expect(stage.lease?.spec?.holderIdentity).toBe("us");
});

test("a lease that is not ours, or lost, is not released", async () => {
  await using stage = await Stage.open();
  const leader = await stage.leader("us");
  const standby = stage.elector("them");
  await standby.release();
  stage.now += 10_000;
  await leader.release();
  expect(stage.server.writes.length).toBe(1);
  expect(stage.lease?.spec?.holderIdentity).toBe("us");
});
