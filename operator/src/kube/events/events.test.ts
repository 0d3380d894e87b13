import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { until } from "../../../../test/lib/until.ts";
import type { KubeClient } from "../client/client.ts";
import { NotLeading } from "../client/errors.ts";
import type { KubeObject } from "../objects.ts";
import { type Call, FakeApiServer, fail } from "../testing/fake-api-server.ts";
import type { EventLimits } from "./event-limiter.ts";
import { EventRecorder } from "./events.ts";

const EVENTS = "/apis/events.k8s.io/v1/namespaces/a/events";
const POD: KubeObject = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "one", namespace: "a", uid: "u1", resourceVersion: "7" },
};
const OTHER: KubeObject = { ...POD, metadata: { name: "two", namespace: "a", uid: "u2" } };
const STARTED = { type: "Normal", reason: "Started", action: "Starting", note: "started it" } as const;
const MINUTE = 60_000;

let server: FakeApiServer;
/** The clocks of the test, in ms. */
let clock: number;
let warnings: Record<string, unknown>[];

beforeEach(async () => {
  server = await FakeApiServer.start();
  clock = 1_000_000;
  warnings = [];
});

afterEach(() => server[Symbol.asyncDispose]());

function recorderOf(limits: Partial<EventLimits> = {}, client: KubeClient = server.client): EventRecorder {
  return new EventRecorder({
    client,
    reportingController: "example.com/controller",
    reportingInstance: "pod-0",
    log: pino({ level: "warn" }, { write: (line) => warnings.push(JSON.parse(line)) }),
    limits: { backoff: { firstMs: 1, longestMs: 1 }, ...limits },
    now: () => new Date(clock),
    monotonicNow: () => clock,
  });
}

function noted(note: string) {
  return { ...STARTED, note };
}

const bodyOf = (call: Call | undefined) => call?.body as unknown as Record<string, unknown>;
const created = () => server.writes.filter(({ method }) => method === "POST");
const patched = () => server.writes.filter(({ method }) => method === "PATCH");
const series = (count: number, at = clock) => ({
  series: { count, lastObservedTime: new Date(at).toISOString().replace("Z", "000Z") },
});

/** Gives whatever is sent by mistake the time to arrive. */
async function roundTrips(): Promise<void> {
  for (let count = 0; count < 10; count++) await server.client.request("GET", EVENTS);
}

test("an event is created in the object's namespace, with everything that the API server requires", async () => {
  const recorder = recorderOf();
  recorder.record(POD, { ...STARTED, related: OTHER });
  await recorder.flush();
  expect(server.writes).toMatchObject([{ method: "POST", path: EVENTS }]);
  expect(server.writes[0]?.body).toEqual({
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: expect.stringMatching(/^one\.[0-9a-f]{16}$/), namespace: "a" },
    eventTime: "1970-01-01T00:16:40.000000Z",
    reportingController: "example.com/controller",
    reportingInstance: "pod-0",
    ...STARTED,
    regarding: { apiVersion: "v1", kind: "Pod", name: "one", namespace: "a", uid: "u1", resourceVersion: "7" },
    related: { apiVersion: "v1", kind: "Pod", name: "two", namespace: "a", uid: "u2" },
  });
});

test("an event about an object without a namespace is in the namespace default", async () => {
  const recorder = recorderOf();
  recorder.record({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } }, STARTED);
  await recorder.flush();
  expect(created()).toMatchObject([{ path: "/apis/events.k8s.io/v1/namespaces/default/events" }]);
});

test("whatever the object is called, the event's name is legal and unique", async () => {
  const recorder = recorderOf();
  const names = ["system:node:X", "-a-.-b", "x".repeat(253), `${"y".repeat(235)}.z`, "___"];
  for (const name of names) recorder.record({ apiVersion: "v1", kind: "Role", metadata: { name } }, STARTED);
  await recorder.flush();
  const made = created().map(({ body }) => body?.metadata.name ?? "");
  expect(new Set(made).size).toBe(names.length);
  for (const name of made) {
    expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
    expect(name.length).toBeLessThanOrEqual(253);
  }
});

test("a note is cut to a kilobyte, between two characters", async () => {
  const recorder = recorderOf();
  recorder.record(POD, noted("€".repeat(500)));
  await recorder.flush();
  expect(bodyOf(created()[0]).note).toBe("€".repeat(341));
});

test("a long name of the reporting process does not cost the event", async () => {
  const { client } = server;
  const options = { client, reportingController: "x/y", log: pino({ enabled: false }) };
  const recorder = new EventRecorder({ ...options, reportingInstance: "p".repeat(200) });
  recorder.record(POD, STARTED);
  await recorder.flush();
  expect(bodyOf(created()[0]).reportingInstance).toBe("p".repeat(128));
});

test("the first repeat is written at once, as a series", async () => {
  const recorder = recorderOf();
  recorder.record(POD, STARTED);
  await recorder.flush();
  clock += 10_000;
  recorder.record(POD, STARTED);
  await until("the repeat is written", () => patched().length === 1, { deadlineMs: 5_000, intervalMs: 5 });
  expect(patched()).toMatchObject([
    { path: `${EVENTS}/${created()[0]?.body?.metadata.name}`, contentType: "application/merge-patch+json" },
  ]);
  expect(bodyOf(patched()[0])).toEqual(series(2));
});

test("a repeat every ten seconds does not make a write every ten seconds, and flush writes what is left", async () => {
  const recorder = recorderOf();
  for (let count = 1; count <= 60; count++) {
    recorder.record(POD, STARTED);
    if (count === 1 || count === 2) await recorder.flush();
    clock += 10_000;
  }
  expect(server.writes.length).toBe(2);
  await recorder.flush();
  expect(patched().map(bodyOf)).toEqual([series(2, 1_010_000), series(60, clock - 10_000)]);
  expect(created().length).toBe(1);
  await recorder.flush();
  expect(server.writes.length).toBe(3);
});

test("what repeats is written again after a while by itself", async () => {
  const recorder = recorderOf({ updateEveryMs: 20 });
  for (let count = 1; count <= 4; count++) {
    recorder.record(POD, STARTED);
    if (count <= 2) await recorder.flush();
  }
  await until("the count is up to date", () => patched().length === 2, { deadlineMs: 5_000, intervalMs: 5 });
  expect(bodyOf(patched()[1])).toEqual(series(4));
});

test("a flush also writes what repeated while the event was being sent", async () => {
  const recorder = recorderOf();
  recorder.record(POD, STARTED);
  recorder.record(POD, STARTED);
  await recorder.flush();
  recorder.record(POD, STARTED);
  const flushed = recorder.flush();
  recorder.record(POD, STARTED);
  await Promise.all([flushed, recorder.flush()]);
  expect(patched().map(bodyOf).at(-1)).toEqual(series(4));
});

test("an event that comes back after six minutes of silence is a new one", async () => {
  const recorder = recorderOf();
  recorder.record(POD, STARTED);
  clock += 6 * MINUTE;
  recorder.record(POD, STARTED);
  clock += 6 * MINUTE + 1;
  recorder.record(POD, STARTED);
  await recorder.flush();
  const names = created().map(({ body }) => body?.metadata.name);
  expect(new Set(names).size).toBe(2);
});

test("events that differ in anything are different events", async () => {
  const recorder = recorderOf();
  recorder.record(POD, STARTED);
  recorder.record(POD, { ...STARTED, type: "Warning" });
  recorder.record(POD, { ...STARTED, reason: "Restarted" });
  recorder.record(POD, { ...STARTED, action: "Restarting" });
  recorder.record(POD, { ...STARTED, note: "again" });
  recorder.record(POD, { ...STARTED, related: OTHER });
  recorder.record({ ...POD, metadata: { ...POD.metadata, uid: "u9" } }, STARTED);
  await recorder.flush();
  expect([created().length, patched().length]).toEqual([7, 0]);
});

test("an object's newer version does not make its event another one", async () => {
  const recorder = recorderOf();
  recorder.record(POD, STARTED);
  recorder.record({ ...POD, metadata: { ...POD.metadata, resourceVersion: "8" } }, STARTED);
  await recorder.flush();
  expect([created().length, patched().length]).toEqual([1, 1]);
});

test("an object gets 25 events at once and then one every five minutes, others are not held back", async () => {
  const recorder = recorderOf();
  for (let index = 0; index < 30; index++) recorder.record(POD, noted(`${index}`));
  recorder.record(OTHER, STARTED);
  await recorder.flush();
  expect(created().length).toBe(26);
  expect(recorder.dropped).toBe(5);
  expect(warnings).toMatchObject([{ msg: expect.stringContaining("dropping"), name: "one" }]);
  for (let minutes = 0; minutes < 10; minutes++) {
    clock += MINUTE;
    recorder.record(POD, noted(`after ${minutes}`));
  }
  await recorder.flush();
  expect(created().length).toBe(28);
});

test("all objects together get no more than the recorder's share, and that is said once", async () => {
  const recorder = recorderOf({ overall: { burst: 3, perSecond: 1 } });
  for (let index = 0; index < 10; index++) {
    recorder.record({ ...POD, metadata: { ...POD.metadata, uid: `x${index}` } }, STARTED);
  }
  await recorder.flush();
  expect([created().length, recorder.dropped, warnings.length]).toEqual([3, 7, 1]);
  clock += 1_000;
  recorder.record(OTHER, STARTED);
  await recorder.flush();
  expect(created().length).toBe(4);
});

test("a repeat beyond the recorder's share is written later, not dropped", async () => {
  const recorder = recorderOf({ overall: { burst: 1, perSecond: 1 }, updateEveryMs: 20 });
  recorder.record(POD, STARTED);
  await recorder.flush();
  recorder.record(POD, STARTED);
  await roundTrips();
  expect(server.writes.length).toBe(1);
  clock += 1_000;
  await until("the repeat is written", () => patched().length === 1, { deadlineMs: 5_000, intervalMs: 5 });
  expect(recorder.dropped).toBe(0);
});

test("an event whose object is gone starts a new one that counts from there", async () => {
  const recorder = recorderOf();
  recorder.record(POD, STARTED);
  recorder.record(POD, STARTED);
  await recorder.flush();
  server.fault = (call, response) => {
    if (call.method !== "PATCH" || !call.path.includes(created()[0]?.body?.metadata.name ?? "?")) return false;
    fail(response, 404, "NotFound");
    return true;
  };
  for (let count = 0; count < 3; count++) recorder.record(POD, STARTED);
  await recorder.flush();
  expect(created().length).toBe(2);
  const [first, second] = created().map(({ body }) => body);
  expect(second?.metadata.name).not.toBe(first?.metadata.name);
  expect(second).toMatchObject(series(3));
});

test("a write that fails is tried a bounded number of times, then reported once", async () => {
  const recorder = recorderOf({ attempts: 3 });
  await recorder.flush();
  server.fault = (_, response) => {
    fail(response, 500, "InternalError");
    return true;
  };
  recorder.record(POD, STARTED);
  recorder.record(OTHER, STARTED);
  await until("both were given up", () => server.writes.length === 6, { deadlineMs: 5_000, intervalMs: 5 });
  await recorder.flush();
  expect(server.writes.length).toBe(6);
  expect(warnings).toMatchObject([{ msg: "Gave up writing an Event", regarding: { name: "one" } }]);
});

test("a failure is reported again when something has succeeded in between", async () => {
  const recorder = recorderOf({ attempts: 1 });
  let isDown = true;
  server.fault = (_, response) => {
    if (isDown) fail(response, 500, "InternalError");
    return isDown;
  };
  for (const note of ["lost", "written", "lost as well"]) {
    isDown = note !== "written";
    recorder.record(POD, noted(note));
    await recorder.flush();
  }
  expect(warnings).toMatchObject([{ note: "lost" }, { note: "lost as well" }]);
});

test("an event that could not be written is not forgotten when it repeats", async () => {
  const recorder = recorderOf({ attempts: 1 });
  server.fault = (_, response) => {
    fail(response, 500, "InternalError");
    return true;
  };
  recorder.record(POD, STARTED);
  await recorder.flush();
  server.fault = () => false;
  recorder.record(POD, STARTED);
  await recorder.flush();
  expect(created().at(-1)?.body).toMatchObject(series(2));
});

test("a server that asks for time gets it, and a flush does not sit through that", async () => {
  const recorder = recorderOf({ backoff: { firstMs: 1, longestMs: 3_600_000 } });
  server.fault = ({ method }, response) => {
    if (method === "POST") fail(response, 503, "ServiceUnavailable", { "retry-after": "3600" });
    return method === "POST";
  };
  recorder.record(POD, STARTED);
  await roundTrips();
  expect(server.writes.length).toBe(1);
  await recorder.flush();
  expect(server.writes.length).toBe(2);
});

test("a flush does not ask a server that is away for each event again", async () => {
  const recorder = recorderOf({ attempts: 1 });
  server.fault = (_, response) => {
    response.destroy();
    return true;
  };
  for (let index = 0; index < 20; index++) recorder.record(POD, noted(`${index}`));
  await recorder.flush();
  expect(server.writes.length).toBe(1);
});

test("an event that comes after the server was away is written without a flush", async () => {
  const recorder = recorderOf({ attempts: 1 });
  server.fault = (_, response) => {
    response.destroy();
    return true;
  };
  recorder.record(POD, STARTED);
  await until("it was given up", () => warnings.length === 1, { deadlineMs: 5_000, intervalMs: 5 });
  server.fault = () => false;
  recorder.record(OTHER, STARTED);
  await until("the next one is there", () => server.objects.size === 1, { deadlineMs: 5_000, intervalMs: 5 });
});

test("an event that was created although the answer was lost is not created twice", async () => {
  const recorder = recorderOf();
  let isLost = true;
  server.fault = (call, response) => {
    if (!isLost) return false;
    isLost = false;
    server.put(`${call.path}/${call.body?.metadata.name}`, call.body ?? null);
    response.destroy();
    return true;
  };
  recorder.record(POD, STARTED);
  await until("it was tried again", () => created().length === 2, { deadlineMs: 5_000, intervalMs: 5 });
  recorder.record(POD, STARTED);
  await recorder.flush();
  expect(server.objects.size).toBe(1);
  expect(patched().map(bodyOf)).toEqual([series(2)]);
  expect(warnings).toEqual([]);
});

test("an event that was given up although it was created is found again", async () => {
  const recorder = recorderOf({ attempts: 1 });
  let isLost = true;
  server.fault = (call, response) => {
    if (isLost) {
      server.put(`${call.path}/${call.body?.metadata.name}`, call.body ?? null);
      response.destroy();
    }
    return isLost;
  };
  recorder.record(POD, STARTED);
  await recorder.flush();
  isLost = false;
  recorder.record(POD, STARTED);
  await recorder.flush();
  expect(server.objects.size).toBe(1);
  expect(patched().map(bodyOf)).toEqual([series(2)]);
});

test("a namespace that is going away or gone is given up quietly, lacking rights are reported", async () => {
  const recorder = recorderOf();
  const answers = [
    { status: 403, message: "namespace a because it is being terminated" },
    { status: 404, message: "namespaces a not found" },
    { status: 403, message: "may not create events" },
  ];
  for (const { status, message } of answers) {
    expect(warnings).toEqual([]);
    server.fault = (_, response) => {
      response.writeHead(status).end(JSON.stringify({ kind: "Status", message }));
      return true;
    };
    recorder.record(POD, noted(message));
    await recorder.flush();
  }
  expect(warnings.length).toBe(1);
  expect(server.writes.length).toBe(3);
});

test("a process that does not lead sends nothing and says nothing", async () => {
  const standby = server.client.guardedBy(() => {
    throw new NotLeading("a standby");
  });
  const recorder = recorderOf({}, standby);
  recorder.record(POD, STARTED);
  await recorder.flush();
  expect([server.calls, warnings]).toEqual([[], []]);
});

test("recording never throws", async () => {
  const recorder = recorderOf();
  recorder.record({} as KubeObject, STARTED);
  recorder.record(POD, {} as typeof STARTED);
  await recorder.flush();
  expect(warnings.length).toBe(2);
});

test("what waits to be sent is bounded, and what is beyond is counted as dropped", async () => {
  const recorder = recorderOf({ waiting: 2 });
  for (const note of ["a", "b", "c", "d", "e"]) recorder.record(POD, noted(note));
  await recorder.flush();
  expect(created().length + recorder.dropped).toBe(5);
  expect(recorder.dropped).toBeGreaterThan(0);
});

test("what was seen least recently is forgotten, so that memory stays bounded", async () => {
  const recorder = recorderOf({ capacity: 2 });
  for (const note of ["a", "b", "a", "c", "a", "b"]) recorder.record(POD, noted(note));
  await recorder.flush();
  expect(created().map((call) => bodyOf(call).note)).toEqual(["a", "b", "c", "b"]);
});
