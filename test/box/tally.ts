import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

export const OPERATIONS = ["authenticate", "authorize", "account"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Milliseconds that the share in the name stayed under; 0 when there was nothing to measure. */
export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** What became of one operation. A request that fails is repeated, unless that cannot help. */
export interface OperationReport {
  /** Requests that were answered as a box wants it; an authentication is both steps. */
  readonly succeeded: number;
  /** Requests that failed, by kind, those that were repeated too. */
  readonly failures: Readonly<Record<string, number>>;
  /** What a box did not get in the end. */
  readonly givenUp: number;
  /** Of the requests that succeeded, from sending to the answer. */
  readonly answerMs: Quantiles;
  /** From when a box wanted it until it had it, with all repeats and waits. */
  readonly waitMs: Quantiles;
}

export interface Report {
  readonly operations: Readonly<Record<Operation, OperationReport>>;
  /** How often each decision was given, with its reason. */
  readonly decisions: Readonly<Record<string, number>>;
  /** How many answers came from each node. */
  readonly nodes: Readonly<Record<string, number>>;
}

interface Counts {
  succeeded: number;
  givenUp: number;
  readonly failures: Map<string, number>;
  readonly answers: Latencies;
  readonly waits: Latencies;
}

/** Latencies to three digits, in constant memory: HdrHistogram as Node.js has it. */
export class Latencies {
  readonly #microseconds: RecordableHistogram = createHistogram({ figures: 3 });

  record(ms: number): void {
    this.#microseconds.record(Math.max(1, Math.round(ms * 1000)));
  }

  /** @param percent 0 to 100 */
  quantileMs(percent: number): number {
    return this.#microseconds.count === 0 ? 0 : this.#microseconds.percentile(percent) / 1000;
  }

  quantiles(): Quantiles {
    const [p50 = 0, p90 = 0, p99 = 0, max = 0] = [50, 90, 99, 100].map((percent) => this.quantileMs(percent));
    return { p50, p90, p99, max };
  }
}

/** Counts what becomes of what boxes do. */
export class Tally {
  readonly #counts: Readonly<Record<Operation, Counts>> = {
    authenticate: noCounts(),
    authorize: noCounts(),
    account: noCounts(),
  };

  readonly #decisions = new Map<string, number>();
  readonly #nodes = new Map<string, number>();

  success(operation: Operation, answerMs: number, waitMs: number): void {
    const counts = this.#counts[operation];
    counts.succeeded += 1;
    counts.answers.record(answerMs);
    counts.waits.record(waitMs);
  }

  failure(operation: Operation, kind: string): void {
    increment(this.#counts[operation].failures, kind);
  }

  /** @param node the one that answered */
  answer(node: string, decision?: string): void {
    increment(this.#nodes, node);
    if (decision !== undefined) increment(this.#decisions, decision);
  }

  giveUp(operation: Operation): void {
    this.#counts[operation].givenUp += 1;
  }

  report(): Report {
    const entries = OPERATIONS.map((operation) => [operation, reportOf(this.#counts[operation])]);
    const operations = Object.fromEntries(entries) as Report["operations"];
    return { operations, decisions: sorted(this.#decisions), nodes: sorted(this.#nodes) };
  }
}

function noCounts(): Counts {
  return { succeeded: 0, givenUp: 0, failures: new Map(), answers: new Latencies(), waits: new Latencies() };
}

function reportOf({ succeeded, givenUp, failures, answers, waits }: Counts): OperationReport {
  const [answerMs, waitMs] = [answers.quantiles(), waits.quantiles()];
  return { succeeded, failures: sorted(failures), givenUp, answerMs, waitMs };
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort());
}
