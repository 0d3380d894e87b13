import { expect, test } from "@jest/globals";
import { samplesOf } from "../../../test/lib/prometheus.ts";
import { WorkQueue } from "./controller/queue.ts";
import { Metrics } from "./metrics.ts";

/** What controller-runtime v0.24.1 exposes of a controller, its queue, its client and its election. */
const CONTROLLER_RUNTIME: Readonly<Record<string, readonly string[]>> = {
  controller_runtime_active_workers: ["controller"],
  controller_runtime_max_concurrent_reconciles: ["controller"],
  controller_runtime_reconcile_errors_total: ["controller"],
  controller_runtime_reconcile_panics_total: ["controller"],
  controller_runtime_reconcile_time_seconds_bucket: ["controller", "le"],
  controller_runtime_reconcile_time_seconds_count: ["controller"],
  controller_runtime_reconcile_time_seconds_sum: ["controller"],
  controller_runtime_reconcile_timeouts_total: ["controller"],
  controller_runtime_reconcile_total: ["controller", "result"],
  controller_runtime_terminal_reconcile_errors_total: ["controller"],
  leader_election_master_status: ["name"],
  rest_client_requests_total: ["code", "host", "method"],
  workqueue_adds_total: ["controller", "name"],
  workqueue_depth: ["controller", "name", "priority"],
  workqueue_longest_running_processor_seconds: ["controller", "name"],
  workqueue_queue_duration_seconds_bucket: ["controller", "le", "name"],
  workqueue_queue_duration_seconds_count: ["controller", "name"],
  workqueue_queue_duration_seconds_sum: ["controller", "name"],
  workqueue_retries_total: ["controller", "name"],
  workqueue_unfinished_work_seconds: ["controller", "name"],
  workqueue_work_duration_seconds_bucket: ["controller", "le", "name"],
  workqueue_work_duration_seconds_count: ["controller", "name"],
  workqueue_work_duration_seconds_sum: ["controller", "name"],
};

/** Metric name -> label names, of everything in a scrape. */
async function namesAndLabels(metrics: Metrics): Promise<Map<string, string[]>> {
  const samples = samplesOf(await metrics.registry.metrics());
  return new Map(samples.map(({ name, labels }) => [name, Object.keys(labels).sort()]));
}

test("names and labels are those of controller-runtime", async () => {
  const metrics = new Metrics();
  const ours = metrics.controller("test", 4, () => [1_000, 2_000]);
  const queue = new WorkQueue({ observer: ours });
  queue.add("a");
  queue.close();
  await queue.run(async () => {
    ours.reconciled("success");
    ours.took(1);
  }, 1);
  metrics.answered("GET", "200", "127.0.0.1:6443");
  metrics.leading("test", true);
  const found = await namesAndLabels(metrics);
  for (const [name, labels] of Object.entries(CONTROLLER_RUNTIME))
    expect([name, found.get(name)]).toEqual([name, labels]);
});

test("all that can be counted of a controller is there at zero before anything happened", async () => {
  const metrics = new Metrics();
  metrics.controller("test", 4, () => []);
  const text = await metrics.registry.metrics();
  for (const line of [
    'controller_runtime_reconcile_total{controller="test",result="error"} 0',
    'controller_runtime_reconcile_total{controller="test",result="requeue_after"} 0',
    'controller_runtime_terminal_reconcile_errors_total{controller="test"} 0',
    'workqueue_adds_total{name="test",controller="test"} 0',
    'workqueue_depth{name="test",controller="test",priority="-100"} 0',
  ]) {
    expect(text).toContain(line);
  }
});

test("work in progress is measured at each scrape", async () => {
  const metrics = new Metrics();
  metrics.controller("test", 4, () => [1_000, 2_500]);
  const text = await metrics.registry.metrics();
  expect(text).toContain('workqueue_unfinished_work_seconds{name="test",controller="test"} 3.5');
  expect(text).toContain('workqueue_longest_running_processor_seconds{name="test",controller="test"} 2.5');
});
