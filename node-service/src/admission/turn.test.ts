import { expect, test } from "@jest/globals";
import { Turn } from "./turn.ts";

test("the first request of a turn has not waited, the others have since the turn began", () => {
  let now = 1_000;
  let end = (): void => {};
  const turn = new Turn(
    () => now,
    (ended) => {
      end = ended;
    },
  );
  expect(turn.take()).toBe(0);
  now += 30;
  expect(turn.take()).toBe(30);
  now += 200;
  expect(turn.take()).toBe(230);
  end();
  expect(turn.take()).toBe(0);
});

test("a turn of the real event loop ends when what was ready is done", async () => {
  const turn = new Turn();
  turn.take();
  const until = performance.now() + 5;
  while (performance.now() < until);
  expect(turn.take()).toBeGreaterThanOrEqual(5);
  await new Promise((resolve) => setImmediate(resolve));
  expect(turn.take()).toBe(0);
});
