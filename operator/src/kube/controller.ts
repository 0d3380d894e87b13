import type { Logger } from "pino";
import type { ReconcileMetrics } from "./metrics.ts";
import type { WorkQueue } from "./queue.ts";

/** What to do after a reconcile: look again after a while, or only when something changes. */
export type Action = { readonly requeueAfterMs: number } | { readonly awaitChange: true };

export const awaitChange: Action = { awaitChange: true };

export interface ControllerOptions {
  readonly queue: WorkQueue;
  /** Makes the world as the object of this key says. May be run at any moment, twice, by a fresh process. */
  readonly reconcile: (key: string) => Promise<Action>;
  /** The one place that says what an error leads to. `failures` counts failures in a row, from 1. */
  readonly errorPolicy: (error: unknown, failures: number) => Action;
  readonly workers: number;
  readonly metrics: ReconcileMetrics;
  readonly log: Logger;
}

/** Works the queue with `reconcile` until the queue is closed. */
export async function runController(options: ControllerOptions): Promise<void> {
  const { queue, reconcile, errorPolicy, workers, metrics, log } = options;
  const failures = new Map<string, number>();

  const work = async (key: string): Promise<void> => {
    const startedAt = performance.now();
    let action: Action;
    try {
      action = await reconcile(key);
      failures.delete(key);
      metrics.reconciled("requeueAfterMs" in action ? "requeue_after" : "success");
    } catch (error) {
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      action = errorPolicy(error, count);
      metrics.reconciled("error");
      log.error({ err: error, key, failures: count, ...action }, "Reconcile failed");
    } finally {
      metrics.took((performance.now() - startedAt) / 1000);
    }
    if ("requeueAfterMs" in action) queue.addAfter(key, action.requeueAfterMs);
    else failures.delete(key);
  };
  await queue.run(work, workers);
}
