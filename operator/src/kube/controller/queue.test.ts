import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { WorkQueue } from "./queue.ts";

let queue: WorkQueue;
let worked: string[];
let finish: Map<string, () => void>;
let running: Promise<void>;

const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

/** Works on each key until the test calls its `finish`. */
function start(workers: number): void {
  running = queue.run((key) => {
    worked.push(key);
    return new Promise((resolve) => finish.set(key, resolve));
  }, workers);
}

beforeEach(() => {
  jest.useFakeTimers();
  queue = new WorkQueue();
  worked = [];
  finish = new Map();
});

afterEach(async () => {
  queue.abandon();
  for (const resolve of finish.values()) resolve();
  await running;
  jest.useRealTimers();
});

test("a key that is added many times waits once", async () => {
  queue.add("a");
  queue.add("a");
  queue.add("b");
  expect(queue.depth).toBe(2);
  start(3);
  await settle();
  expect(worked).toEqual(["a", "b"]);
});

test("a key is worked on by one worker at a time, and again when it was added meanwhile", async () => {
  start(2);
  queue.add("a");
  await settle();
  queue.add("a");
  queue.add("a");
  await settle();
  expect(worked).toEqual(["a"]);
  finish.get("a")?.();
  await settle();
  expect(worked).toEqual(["a", "a"]);
  finish.get("a")?.();
  await settle();
  expect(worked).toEqual(["a", "a"]);
});

test("no more keys are worked on than there are workers", async () => {
  start(2);
  for (const key of ["a", "b", "c"]) queue.add(key);
  await settle();
  expect(worked).toEqual(["a", "b"]);
  finish.get("b")?.();
  await settle();
  expect(worked).toEqual(["a", "b", "c"]);
});

test("of several delayed adds the earliest counts", async () => {
  start(1);
  queue.addAfter("a", 1_000);
  queue.addAfter("a", 100);
  queue.addAfter("a", 5_000);
  await jest.advanceTimersByTimeAsync(100);
  expect(worked).toEqual(["a"]);
  finish.get("a")?.();
  await jest.advanceTimersByTimeAsync(10_000);
  expect(worked).toEqual(["a"]);
});

test("an add at once takes the place of a delayed one", async () => {
  start(1);
  queue.addAfter("a", 1_000);
  queue.add("a");
  await settle();
  finish.get("a")?.();
  await jest.advanceTimersByTimeAsync(2_000);
  expect(worked).toEqual(["a"]);
});

test("keys of low priority wait for all others, and are moved up when they are added again", async () => {
  for (const key of ["a", "b", "c"]) queue.add(key, "low");
  queue.add("d");
  queue.add("b");
  expect(queue.depth).toBe(4);
  start(4);
  await settle();
  expect(worked).toEqual(["d", "b", "a", "c"]);
});

test("closing refuses new keys, works on those that wait and those that changed meanwhile, and names what it drops", async () => {
  start(1);
  queue.add("a");
  queue.add("b");
  queue.addAfter("c", 10);
  await settle();
  queue.add("a");
  expect(queue.close()).toEqual(["c"]);
  queue.add("d");
  for (let i = 0; i < 3; i++) {
    finish.get(worked.at(-1) ?? "")?.();
    await settle();
  }
  await running;
  await jest.advanceTimersByTimeAsync(100);
  expect(worked).toEqual(["a", "b", "a"]);
});

test("abandoning lets the key that is worked on end, starts no other, and names what it drops", async () => {
  start(1);
  for (const key of ["a", "b"]) queue.add(key);
  queue.addAfter("c", 10);
  await settle();
  queue.add("a");
  expect(queue.abandon().sort()).toEqual(["a", "b", "c"]);
  finish.get("a")?.();
  await running;
  expect(worked).toEqual(["a"]);
});

test("a key that fails waits longer each time, and at once again when it is forgotten", async () => {
  const waits: number[] = [];
  start(1);
  for (let failures = 1; failures <= 4; failures++) {
    expect(queue.failed("a")).toBe(failures);
    const before = Date.now();
    queue.retry("a");
    for (let ms = 0; ms < 100 && worked.length < failures; ms++) await jest.advanceTimersByTimeAsync(1);
    waits.push(Date.now() - before);
    finish.get("a")?.();
    await settle();
  }
  // 5, 10, 20, 40 ms, of which up to half is taken off; timers count whole milliseconds.
  for (const [index, wait] of waits.entries()) {
    expect(wait).toBeGreaterThanOrEqual(Math.floor(2.5 * 2 ** index));
    expect(wait).toBeLessThanOrEqual(5 * 2 ** index + 1);
  }
  queue.forget("a");
  expect(queue.failed("a")).toBe(1);
});

test("all retries together come no faster than their limit", async () => {
  queue = new WorkQueue({ retryLimit: { perSecond: 10, burst: 5 } });
  start(100);
  for (let i = 0; i < 25; i++) queue.retry(`key-${i}`, 0);
  await settle();
  expect(worked.length).toBe(5);
  await jest.advanceTimersByTimeAsync(1_000);
  expect(worked.length).toBe(15);
  await jest.advanceTimersByTimeAsync(1_000);
  expect(worked.length).toBe(25);
});

test("a delay longer than a timer can be is no delay of zero", async () => {
  start(1);
  queue.addAfter("a", Number.POSITIVE_INFINITY);
  await jest.advanceTimersByTimeAsync(60_000);
  expect(worked).toEqual([]);
});

test("it remembers nothing of keys that are done", async () => {
  start(10);
  for (let i = 0; i < 10; i++) {
    queue.add(`key-${i}`);
    queue.failed(`key-${i}`);
  }
  await settle();
  expect(queue.size).toBe(10);
  for (let i = 0; i < 10; i++) {
    queue.forget(`key-${i}`);
    finish.get(`key-${i}`)?.();
  }
  await settle();
  expect(queue.size).toBe(0);
});
