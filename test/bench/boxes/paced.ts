import { setTimeout as sleep } from "node:timers/promises";
import { Latencies } from "../../box/tally.ts";
import { boxesOf, type Load } from "./measure.ts";
import type { Subject } from "./subject.ts";

const TICK_MS = 1;

/** How long answers took at a rate that was no burden. */
export interface Paced {
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** The share of what was not asked: a rate that makes lanes wait is a burden. */
  readonly left_out: number;
}

/**
 * Asks a subject so often a second, whatever became of what was asked before. What finds every lane waiting for an answer is
 * not asked. Rejects with the first failure.
 */
export async function paced(subject: Subject, perSecond: number, { lanes, seconds, population }: Load): Promise<Paced> {
  const latencies = new Latencies();
  const nextBox = boxesOf(population);
  const idle = Array.from({ length: lanes }, (_, lane) => lane);
  let failure: unknown = null;
  const ask = async (lane: number): Promise<void> => {
    const sentAt = performance.now();
    await subject.once(lane, nextBox());
    latencies.record(performance.now() - sentAt);
    idle.push(lane);
  };
  const began = performance.now();
  let [due, leftOut] = [0, 0];
  for (let now = began; now - began < seconds * 1000; now = performance.now()) {
    for (; due < ((now - began) / 1000) * perSecond; due += 1) {
      const lane = idle.shift();
      if (lane === undefined) leftOut += 1;
      else
        ask(lane).catch((error) => {
          failure ??= error;
        });
    }
    await sleep(TICK_MS);
    if (failure !== null) throw failure;
  }
  const { p50, p99 } = latencies.quantiles();
  return { p50_ms: p50, p99_ms: p99, left_out: leftOut / due };
}
