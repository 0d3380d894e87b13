import { rounded } from "../../lib/statistics.ts";
import { say } from "../../lib/steps.ts";

/** What one operator did. */
export interface Figures {
  /** From the first cluster's creation until the status of every cluster said that its generation is reconciled. */
  readonly seconds: number;
  /** The same until the operator's last write, when every pod was ready. */
  readonly settled_seconds: number;
  /** Objects that the clusters control. */
  readonly children: number;
  /** Requests to the API server from the start of the process until the operator's last write. */
  readonly api_calls: number;
  readonly api_calls_per_cluster: number;
  readonly api_calls_per_child: number;
  /** Over the same time. */
  readonly cpu_s: number;
  /** The most resident memory there ever was, in 10^6 bytes. */
  readonly rss_mb: number;
  /** Requests while nothing happens. */
  readonly idle_calls_per_minute_per_cluster: number;
}

const LABELS: Readonly<Record<keyof Figures, string>> = {
  seconds: "apply to all reconciled, s",
  settled_seconds: "apply to the last write, s",
  children: "child objects",
  api_calls: "API calls",
  api_calls_per_cluster: "API calls per cluster",
  api_calls_per_child: "API calls per child object",
  cpu_s: "CPU, s",
  rss_mb: "peak memory, MB",
  idle_calls_per_minute_per_cluster: "idle: API calls per minute and cluster",
};
/** How much memory it may take at most, in MB. */
const RSS_AIM_MB = 200;

/** Prints the figures; returns them rounded. */
export function report(figures: Figures): Figures {
  const entries = Object.entries(figures).map(([key, value]) => [key, rounded(value)] as const);
  say();
  for (const [key, value] of entries) say(`  ${LABELS[key as keyof Figures].padEnd(40)}${String(value).padStart(10)}`);
  say();
  const isMet = figures.rss_mb <= RSS_AIM_MB;
  say(`  ${isMet ? "✓" : "✗"} rss_mb ${rounded(figures.rss_mb)}, aim: at most ${RSS_AIM_MB}`);
  return Object.fromEntries(entries) as unknown as Figures;
}
