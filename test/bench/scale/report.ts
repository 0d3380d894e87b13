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

/** What a bare client did. */
export type LimitFigures = Pick<
  Figures,
  "settled_seconds" | "children" | "api_calls" | "api_calls_per_child" | "cpu_s"
>;

/** Prints the figures of our operator beside the limit; returns them rounded, with the ratios of the one to the other. */
export function report(ours: Figures, limit: LimitFigures): object {
  const ratio = (key: keyof LimitFigures): number => rounded(ours[key] / limit[key]);
  const row = (...[label = "", ...cells]: readonly (string | number)[]): void =>
    say(`  ${label.toString().padEnd(40)}${cells.map((cell) => cell.toString().padStart(14)).join("")}`);
  say();
  row("", "ours", "bare client", "ratio");
  for (const [key, label] of Object.entries(LABELS) as [keyof Figures, string][]) {
    row(label, rounded(ours[key]), ...(isOfBoth(key, limit) ? [rounded(limit[key]), ratio(key)] : []));
  }
  say();
  const isMet = ours.rss_mb <= RSS_AIM_MB;
  say(`  ${isMet ? "✓" : "✗"} rss_mb ${rounded(ours.rss_mb)}, aim: at most ${RSS_AIM_MB}`);
  return {
    ...allRounded(ours),
    api_calls_per_child_ratio: ratio("api_calls_per_child"),
    cpu_ratio: ratio("cpu_s"),
    peer: "bare client",
    limit: allRounded(limit),
  };
}

function isOfBoth(key: keyof Figures, limit: LimitFigures): key is keyof LimitFigures {
  return key in limit;
}

function allRounded(figures: LimitFigures): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, rounded(value)]));
}
