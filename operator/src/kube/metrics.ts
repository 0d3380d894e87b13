import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { QueueObserver } from "./queue.ts";

const RECONCILE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const QUEUE_SECONDS = Array.from({ length: 12 }, (_, exponent) => 1e-8 * 10 ** exponent);

export interface ReconcileMetrics {
  reconciled(result: "success" | "error" | "requeue_after"): void;
  took(seconds: number): void;
}

export interface Metrics {
  readonly registry: Registry;
  readonly reconcile: ReconcileMetrics;
  readonly queue: QueueObserver;
  answered(method: string, status: number): void;
  relisted(resource: string): void;
}

/** Metrics of one controller, under the names and labels that dashboards for controller-runtime expect. */
export function createMetrics(controller: string): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Counter({
    name: "rest_client_requests_total",
    help: "Answers of the API server by method and code",
    labelNames: ["method", "code"] as const,
    registers,
  });
  const relists = new Counter({
    name: "kube_cache_relists_total",
    help: "Times a cache listed all its objects",
    labelNames: ["resource"] as const,
    registers,
  });
  return {
    registry,
    reconcile: reconcileMetrics(controller, registers),
    queue: queueMetrics(controller, registers),
    answered: (method, status) => requests.inc({ method, code: String(status) }),
    relisted: (resource) => relists.inc({ resource }),
  };
}

function reconcileMetrics(controller: string, registers: Registry[]): ReconcileMetrics {
  const total = new Counter({
    name: "controller_runtime_reconcile_total",
    help: "Reconciliations by result",
    labelNames: ["controller", "result"] as const,
    registers,
  });
  const errors = new Counter({
    name: "controller_runtime_reconcile_errors_total",
    help: "Reconciliations that failed",
    labelNames: ["controller"] as const,
    registers,
  });
  const seconds = new Histogram({
    name: "controller_runtime_reconcile_time_seconds",
    help: "Time a reconciliation took",
    labelNames: ["controller"] as const,
    buckets: RECONCILE_SECONDS,
    registers,
  });
  errors.inc({ controller }, 0);
  return {
    reconciled(result) {
      total.inc({ controller, result });
      if (result === "error") errors.inc({ controller });
    },
    took: (value) => seconds.observe({ controller }, value),
  };
}

function queueMetrics(controller: string, registers: Registry[]): QueueObserver {
  const labelNames = ["name", "controller"] as const;
  const labels = { name: controller, controller };
  const depth = new Gauge({ name: "workqueue_depth", help: "Keys that wait", labelNames, registers });
  const adds = new Counter({ name: "workqueue_adds_total", help: "Keys added", labelNames, registers });
  const waited = new Histogram({
    name: "workqueue_queue_duration_seconds",
    help: "Time a key waited",
    labelNames,
    buckets: QUEUE_SECONDS,
    registers,
  });
  const worked = new Histogram({
    name: "workqueue_work_duration_seconds",
    help: "Time a key was worked on",
    labelNames,
    buckets: QUEUE_SECONDS,
    registers,
  });
  return {
    added: () => adds.inc(labels),
    depth: (value) => depth.set(labels, value),
    started: (ms) => waited.observe(labels, ms / 1000),
    finished: (ms) => worked.observe(labels, ms / 1000),
  };
}
