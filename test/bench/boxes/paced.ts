import { setTimeout as sleep } from "node:timers/promises";
import { Latencies } from "../../box/tally.ts";
import { boxesOf, type Load } from "./measure.ts";
import type { Subject } from "./subject.ts";

const TICK_MS = 1;

/** How long answers took at a rate that was no burden. */
export interface Paced {
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/**
 * Asks a subject so often a second, whatever became of what was asked before: when all lanes wait, by another one.
 * Rejects with the first failure, and when the subject does not keep up, so that what a whole second brings
 * waits for an answer.
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
  let [sent, opened] = [0, lanes];
  for (let now = began; now - began < seconds * 1000; now = performance.now()) {
    for (; sent < ((now - began) / 1000) * perSecond; sent += 1) {
      const lane = idle.shift() ?? opened++;
      if (opened > lanes + perSecond) throw new Error(`${subject.name} does not keep up with ${perSecond} a second`);
      ask(lane).catch((error) => {
        failure ??= error;
      });
    }
    await sleep(TICK_MS);
    if (failure !== null) throw failure;
  }
  const { p50, p99 } = latencies.quantiles();
  return { p50_ms: p50, p99_ms: p99 };
}
