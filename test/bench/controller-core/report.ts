import { medians, rounded } from "../../lib/statistics.ts";
import { say } from "../../lib/steps.ts";

/** What one controller did in one round. */
export interface Figures {
  /** From the start of the cache until every object was reconciled once. */
  readonly sync_ms: number;
  /** The same from the start of the process. */
  readonly start_to_sync_ms: number;
  /** From right before a write is sent until the handler that it leads to runs. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** The same from the writer's answer: without what the API server and the machine held up for the writer too. */
  readonly behind_p99_ms: number;
  readonly cpu_s: number;
  /** The most resident memory there ever was. */
  readonly memory_mib: number;
  /** Requests to the API server. */
  readonly requests: number;
}

const LABELS: Readonly<Record<keyof Figures, string>> = {
  sync_ms: "cache start to all reconciled, ms",
  start_to_sync_ms: "process start to all reconciled, ms",
  p50_ms: "update to handler, p50, ms",
  p99_ms: "update to handler, p99, ms",
  behind_p99_ms: "update's answer to handler, p99, ms",
  cpu_s: "CPU, s",
  memory_mib: "peak memory, MiB",
  requests: "API requests",
};
/** What a ratio may be at most. */
const AIMS = { sync_ratio: 1.5, p99_ratio: 1.5, memory_ratio: 2 } as const;

/** One round in one line. */
export function describe(figures: Figures): string {
  const { sync_ms, p50_ms, p99_ms, cpu_s, memory_mib } = figures;
  const [sync, p50, p99, cpu, memory] = [sync_ms, p50_ms, p99_ms, cpu_s, memory_mib].map(rounded);
  return `sync ${sync} ms, update to handler ${p50} ms (p99 ${p99} ms), CPU ${cpu} s, peak ${memory} MiB`;
}

/** Prints the medians of both side by side; returns them with the ratios that the issue has aims for. */
export function report(ours: readonly Figures[], peers: readonly Figures[]): object {
  const our = medians(ours);
  const peer = medians(peers);
  const ratio = (key: keyof Figures): number => rounded(our[key] / peer[key]);
  const ratios = { sync_ratio: ratio("sync_ms"), p99_ratio: ratio("p99_ms"), memory_ratio: ratio("memory_mib") };
  table(our, peer, ratio);
  for (const [name, aim] of Object.entries(AIMS)) {
    const value = ratios[name as keyof typeof AIMS];
    say(`  ${value <= aim ? "✓" : "✗"} ${name} ${value}, aim: at most ${aim}`);
  }
  return { ...ratios, ours: allRounded(our), controller_runtime: allRounded(peer) };
}

function table(ours: Figures, peer: Figures, ratio: (key: keyof Figures) => number): void {
  const row = (...[label = "", ...cells]: readonly (string | number)[]): void =>
    say(`  ${label.toString().padEnd(38)}${cells.map((cell) => cell.toString().padStart(20)).join("")}`);
  say();
  row("median of all rounds", "ours", "controller-runtime", "ratio");
  for (const [key, label] of Object.entries(LABELS) as [keyof Figures, string][]) {
    row(label, rounded(ours[key]), rounded(peer[key]), ratio(key));
  }
  say();
}

function allRounded(figures: Figures): Figures {
  const entries = Object.entries(figures).map(([key, value]) => [key, rounded(value)]);
  return Object.fromEntries(entries) as unknown as Figures;
}
