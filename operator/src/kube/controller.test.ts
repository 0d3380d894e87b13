import { expect, test } from "@jest/globals";
import { pino } from "pino";
import { type Action, awaitChange, runController } from "./controller.ts";
import { createMetrics } from "./metrics.ts";
import { WorkQueue } from "./queue.ts";

test("a failing key is tried again as the policy says, with its failures counted, until it succeeds", async () => {
  const queue = new WorkQueue();
  const metrics = createMetrics("test");
  const asked: number[] = [];
  let attempts = 0;
  const done = runController({
    queue,
    reconcile: async (): Promise<Action> => {
      attempts += 1;
      if (attempts < 4) throw new Error("not yet");
      queue.close();
      return awaitChange;
    },
    errorPolicy: (_, failures) => {
      asked.push(failures);
      return { requeueAfterMs: 1 };
    },
    workers: 2,
    metrics: metrics.reconcile,
    log: pino({ enabled: false }),
  });
  queue.add("a");
  await done;
  expect(asked).toEqual([1, 2, 3]);
  const text = await metrics.registry.metrics();
  expect(text).toContain('controller_runtime_reconcile_total{controller="test",result="error"} 3');
  expect(text).toContain('controller_runtime_reconcile_total{controller="test",result="success"} 1');
  expect(text).toContain('controller_runtime_reconcile_errors_total{controller="test"} 3');
});
