import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Cache } from "./cache/cache.ts";
import type { Priority, QueueObserver } from "./controller/queue.ts";

export type ReconcileResult = "success" | "requeue_after" | "error" | "terminal_error" | "panic";

export interface ControllerMetrics extends QueueObserver {
  reconciled(result: ReconcileResult): void;
  /** @param ms how long a reconcile took */
  took(ms: number): void;
  timedOut(): void;
}

const RECONCILE_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
const QUEUE_SECONDS = Array.from({ length: 12 }, (_, exponent) => 1e-8 * 10 ** exponent);
/** controller-runtime's numbers for the two priorities. */
const PRIORITIES: Readonly<Record<Priority, string>> = { normal: "0", low: "-100" };

/**
 * All metrics of a process, under the names and labels that controller-runtime gives them, so that dashboards and
 * alerts made for it work; those that it does not have begin with `kube_`.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #caches = new Set<Cache>();
  readonly #working = new Map<string, () => number[]>();
  readonly #requests = this.#counter("rest_client_requests_total", "Answers of the API server", [
    "code",
    "method",
    "host",
  ]);
  readonly #leading = this.#gauge("leader_election_master_status", "1 while this process leads", ["name"]);
  readonly #relists = this.#counter("kube_cache_relists_total", "Times that all objects were listed", ["resource"]);
  readonly #reconciles = this.#reconcileFamilies();
  readonly #queues = this.#queueFamilies();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    this.#gauge("kube_cache_age_seconds", "Time since the server was last heard of", ["resource"], (gauge) => {
      for (const [resource, caches] of this.#cachesByResource()) {
        gauge.set({ resource }, Math.max(...caches.map(({ ageMs }) => ageMs)) / 1000);
      }
    });
    this.#gauge("kube_cache_objects", "Objects held", ["resource"], (gauge) => {
      for (const [resource, caches] of this.#cachesByResource()) {
        gauge.set(
          { resource },
          caches.reduce((sum, { size }) => sum + size, 0),
        );
      }
    });
  }

  /** Counts an answer of the API server; `code` is the HTTP status, or "<error>" when none came. */
  readonly answered = (method: string, code: string, host: string): void => this.#requests.inc({ code, method, host });

  relisted(resource: string): void {
    this.#relists.inc({ resource });
  }

  leading(name: string, leads: boolean): void {
    this.#leading.set({ name }, leads ? 1 : 0);
  }

  cache(cache: Cache): void {
    this.#caches.add(cache);
  }

  /** Counts what `dropped` says was dropped so far. */
  events(dropped: () => number): void {
    new Counter({
      name: "kube_events_dropped_total",
      help: "Events that were over the limits",
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(dropped());
      },
    });
  }

  /** The metrics of one controller, all of them at zero. `working` says for how long each key has been worked on, in ms. */
  controller(controller: string, workers: number, working: () => number[]): ControllerMetrics {
    const { total, errors, terminal, panics, timeouts, seconds, maximum, active } = this.#reconciles;
    const { depth, adds, waited, worked, retries } = this.#queues;
    const of = { controller };
    const queue = { name: controller, controller };
    this.#working.set(controller, working);
    for (const result of ["success", "error", "requeue", "requeue_after"]) total.inc({ ...of, result }, 0);
    for (const counter of [errors, terminal, panics, timeouts]) counter.inc(of, 0);
    for (const counter of [adds, retries]) counter.inc(queue, 0);
    for (const priority of Object.values(PRIORITIES)) depth.set({ ...queue, priority }, 0);
    maximum.set(of, workers);
    active.set(of, 0);
    return {
      reconciled(result) {
        const isError = result !== "success" && result !== "requeue_after";
        total.inc({ ...of, result: isError ? "error" : result });
        if (isError) errors.inc(of);
        if (result === "terminal_error") terminal.inc(of);
        if (result === "panic") panics.inc(of);
      },
      took: (ms) => seconds.observe(of, ms / 1000),
      timedOut: () => timeouts.inc(of),
      added: () => adds.inc(queue),
      depth: (priority, value) => depth.set({ ...queue, priority: PRIORITIES[priority] }, value),
      delayed: () => retries.inc(queue),
      started(ms) {
        active.inc(of);
        waited.observe(queue, ms / 1000);
      },
      finished(ms) {
        active.dec(of);
        worked.observe(queue, ms / 1000);
      },
    };
  }

  /** A resource has several caches where their scopes differ. */
  #cachesByResource(): Map<string, Cache[]> {
    return Map.groupBy(this.#caches, ({ resource }) => resource.plural);
  }

  #reconcileFamilies() {
    const of = ["controller"] as const;
    const name = (rest: string): string => `controller_runtime_${rest}`;
    return {
      total: this.#counter(name("reconcile_total"), "Reconciliations by result", ["controller", "result"]),
      errors: this.#counter(name("reconcile_errors_total"), "Reconciliations that failed", of),
      terminal: this.#counter(name("terminal_reconcile_errors_total"), "Failures that are not retried", of),
      panics: this.#counter(name("reconcile_panics_total"), "Failures that only wrong code has", of),
      timeouts: this.#counter(name("reconcile_timeouts_total"), "Reconciliations that took too long", of),
      maximum: this.#gauge(name("max_concurrent_reconciles"), "Workers", of),
      active: this.#gauge(name("active_workers"), "Workers that work", of),
      seconds: this.#histogram(name("reconcile_time_seconds"), "Duration of reconciliations", of, RECONCILE_SECONDS),
    };
  }

  #queueFamilies() {
    const of = ["name", "controller"] as const;
    const eachQueue = (value: (working: number[]) => number) => (gauge: Gauge<"name" | "controller">) => {
      for (const [controller, working] of this.#working) {
        gauge.set({ name: controller, controller }, value(working()) / 1000);
      }
    };
    this.#gauge(
      "workqueue_unfinished_work_seconds",
      "Time spent on keys that are still worked on",
      of,
      eachQueue((working) => working.reduce((sum, ms) => sum + ms, 0)),
    );
    this.#gauge(
      "workqueue_longest_running_processor_seconds",
      "Time spent on the key that is worked on for longest",
      of,
      eachQueue((working) => Math.max(0, ...working)),
    );
    return {
      depth: this.#gauge("workqueue_depth", "Keys that wait", [...of, "priority"]),
      adds: this.#counter("workqueue_adds_total", "Keys added", of),
      retries: this.#counter("workqueue_retries_total", "Keys added with a delay", of),
      waited: this.#histogram("workqueue_queue_duration_seconds", "Time a key waited", of, QUEUE_SECONDS),
      worked: this.#histogram("workqueue_work_duration_seconds", "Time a key was worked on", of, QUEUE_SECONDS),
    };
  }

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  #histogram<L extends string>(name: string, help: string, labelNames: readonly L[], buckets: number[]): Histogram<L> {
    return new Histogram({ name, help, labelNames: [...labelNames], buckets, registers: [this.registry] });
  }

  /** @param collect called before each scrape */
  #gauge<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    collect?: (gauge: Gauge<L>) => void,
  ): Gauge<L> {
    return new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      collect() {
        collect?.(this);
      },
    });
  }
}
