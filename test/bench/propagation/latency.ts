import { setTimeout as sleep } from "node:timers/promises";
import { quantile } from "../../lib/statistics.ts";
import { until } from "../../lib/until.ts";
import { Sightings } from "./sightings.ts";
import { DEVICES, type Subject, type Written } from "./subject.ts";

export interface Latency {
  /** From sending a write until its commit is answered. */
  readonly answer_p50_ms: number;
  /** From sending a write until it is committed in every replica. */
  readonly p50_ms: number;
  readonly p99_ms: number;
}

interface Sent extends Written {
  readonly at: number;
  readonly answeredAt: number;
}

/** Writes at a steady rate, whether earlier writes were answered or not, and looks when each is everywhere. */
export async function latencyOf(subject: Subject, ratePerSecond: number, seconds: number): Promise<Latency> {
  await using owned = new AsyncDisposableStack();
  const replicas: Sightings[] = [];
  for (const url of subject.replicas) replicas.push(owned.use(await Sightings.of(url)));
  const sent = await writeSteadily(subject, ratePerSecond, seconds);
  const seenAt = (write: Written): number | null => {
    const times = replicas.map((replica) => replica.at(write));
    return times.includes(null) ? null : Math.max(...times.map(Number));
  };
  await until("all writes are everywhere", () => sent.every((write) => seenAt(write) !== null), { deadlineMs: 60_000 });
  const latencies = sent.map((write) => Number(seenAt(write)) - write.at);
  return {
    answer_p50_ms: quantile(
      sent.map(({ at, answeredAt }) => answeredAt - at),
      0.5,
    ),
    p50_ms: quantile(latencies, 0.5),
    p99_ms: quantile(latencies, 0.99),
  };
}

async function writeSteadily(subject: Subject, ratePerSecond: number, seconds: number): Promise<Sent[]> {
  const writing: Promise<Sent>[] = [];
  const began = performance.now();
  for (let index = 0; index < ratePerSecond * seconds; index += 1) {
    const wait = began + (index * 1000) / ratePerSecond - performance.now();
    if (wait > 0) await sleep(wait);
    const at = performance.now();
    writing.push(subject.write(index % DEVICES).then((written) => ({ ...written, at, answeredAt: performance.now() })));
  }
  return Promise.all(writing);
}
