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
  queue.close();
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

test("closing lets the key that is worked on end and starts no other", async () => {
  start(1);
  queue.add("a");
  queue.add("b");
  queue.addAfter("c", 10);
  await settle();
  queue.close();
  finish.get("a")?.();
  await running;
  await jest.advanceTimersByTimeAsync(100);
  expect(worked).toEqual(["a"]);
});
