import type { ServerResponse } from "node:http";
import { expect, test } from "@jest/globals";
import { pino } from "pino";
import { until } from "../../../test/lib/until.ts";
import { NotLeading } from "./errors.ts";
import { type LeaderElectionOptions, LeaderElector, LeadershipLost } from "./leader.ts";
import type { Lease } from "./lease.ts";
import { type Call, FakeApiServer, type Fault, fail } from "./testing/fake-api-server.ts";

const PATH = "/apis/coordination.k8s.io/v1/namespaces/system/leases/leader";
const SOON = { deadlineMs: 10_000, intervalMs: 2 };
const NEVER = new AbortController().signal;

/** An API server whose objects can be updated, a clock that only the test moves, and candidates that live by both. */
class Stage implements AsyncDisposable {
  readonly server: FakeApiServer;
  now = 1_000;
  /** Answers a call itself and returns true, or leaves it to the server. */
  fault: Fault = () => false;
  readonly #stop = new AbortController();

  private constructor(server: FakeApiServer) {
    this.server = server;
    server.fault = (call, response) => this.fault(call, response);
  }

  static async open(): Promise<Stage> {
    return new Stage(await FakeApiServer.start());
  }

  get lease(): Lease | undefined {
    return this.server.objects.get(PATH);
  }

  /** Ends with the test. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  elector(identity: string, options: Partial<LeaderElectionOptions> = {}): LeaderElector {
    return new LeaderElector({
      client: this.server.client,
      namespace: "system",
      name: "leader",
      identity,
      retryPeriodMs: 5,
      log: pino({ enabled: false }),
      monotonicNow: () => this.now,
      ...options,
    });
  }

  async leader(identity: string, options: Partial<LeaderElectionOptions> = {}): Promise<LeaderElector> {
    const elector = this.elector(identity, options);
    await elector.acquire(NEVER);
    return elector;
  }

  /** A record that a holder elsewhere writes. */
  put(spec: Lease["spec"]): void {
    const metadata = { namespace: "system", name: "leader" };
    this.server.put(PATH, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec } as Lease);
  }

  /** Resolves when more of these calls have come. Of three, one was begun and answered since. */
  async more(method: string, count = 3): Promise<void> {
    const calls = () => this.server.calls.filter((call) => call.method === method).length;
    const wanted = calls() + count;
    await until(`${count} more ${method} came`, () => calls() >= wanted, SOON);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.server[Symbol.asyncDispose]();
  }
}

/** Fails every update. */
const failing: Fault = (call, response) => {
  if (call.method !== "PUT") return false;
  fail(response, 500, "InternalError");
  return true;
};

/** Does something else with the next update, once. */
function once(act: (call: Call, response: ServerResponse) => boolean): Fault {
  let done = false;
  return (call, response) => {
    if (done || call.method === "GET") return false;
    done = true;
    return act(call, response);
  };
}

function caught(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

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
