import { setTimeout as sleep } from "node:timers/promises";
import { type Line, openLines } from "../../lib/line.ts";
import { usageOf } from "../../lib/process-usage.ts";
import { quantile } from "../../lib/statistics.ts";

/** A box gives up on an answer that takes longer, so a later one is worth nothing. */
const PATIENCE_MS = 5_000;
const TICK_MS = 5;

export interface Storm {
  /** Requests per second that boxes wanted to send. */
  readonly offered: number;
  /** Answers with 200 in time, per second. */
  readonly goodput: number;
  /** The same per second of CPU time of the node, which others on this machine do not change. */
  readonly perCpuSecond: number;
  /** Share of the requests that were refused with 503, or 429. */
  readonly refused: number;
  /** Requests that were sent and had no answer. */
  readonly unanswered: number;
  /** Of the answers with 200. */
  readonly p50: number;
  readonly p99: number;
}

/** Answers with 200 per second to boxes that each ask again as soon as they were answered: a closed load. */
export async function sustained(
  url: string,
  { boxes, seconds, request }: { readonly boxes: number; readonly seconds: number; readonly request: () => Buffer },
): Promise<number> {
  const lines = await openLines(url, boxes);
  const end = performance.now() + seconds * 1000;
  let served = 0;
  const askOn = async (line: Line): Promise<void> => {
    while (performance.now() < end) {
      const { status } = await line.ask(request());
      if (status === 200) served += 1;
    }
  };
  await Promise.all(lines.map(askOn));
  for (const line of lines) line[Symbol.dispose]();
  return served / seconds;
}

/**
 * Boxes that ask at a rate, whatever became of what they asked before: an open load. Each has a connection of its own, and those
 * that are polite stay away for as long as `Retry-After` says.
 * @param request the next request, whoever sends it
 */
export async function storm(
  { url, pid }: { readonly url: string; readonly pid: number },
  options: {
    readonly boxes: number;
    readonly perSecond: number;
    readonly seconds: number;
    readonly polite: boolean;
    readonly request: () => Buffer;
  },
): Promise<Storm> {
  const { boxes, perSecond, seconds, polite, request } = options;
  const all = await openLines(url, boxes);
  const idle = [...all];
  const took: number[] = [];
  let [sent, refused, unanswered] = [0, 0, 0];
  const ask = async (line: Line): Promise<void> => {
    const sentAt = performance.now();
    sent += 1;
    try {
      const { status, retryAfterSeconds } = await line.ask(request());
      const ms = performance.now() - sentAt;
      if (status === 200 && ms <= PATIENCE_MS) took.push(ms);
      if (status !== 200) refused += 1;
      if (status !== 200 && polite) await sleep((retryAfterSeconds ?? 1) * 1000, undefined, { ref: false });
      idle.push(line);
    } catch {
      unanswered += 1;
    }
  };
  const before = await usageOf(pid);
  const began = performance.now();
  let due = 0;
  while (performance.now() - began < seconds * 1000) {
    const wanted = ((performance.now() - began) / 1000) * perSecond;
    // Who finds no box idle is not sent: every box waits for something already.
    for (; due < wanted; due += 1) {
      const line = idle.shift();
      if (line !== undefined) void ask(line);
    }
    await sleep(TICK_MS);
  }
  const served = took.length;
  const cpuSeconds = (await usageOf(pid)).cpuSeconds - before.cpuSeconds;
  const result = { refused: refused / sent, p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
  // What is still under way is no goodput, but must have an answer.
  await sleep(1_000);
  const measured = {
    offered: due / seconds,
    goodput: served / seconds,
    perCpuSecond: served / cpuSeconds,
    unanswered,
    ...result,
  };
  for (const line of all) line[Symbol.dispose]();
  return measured;
}
