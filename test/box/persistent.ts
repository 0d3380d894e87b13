import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../replication/fuzz/random.ts";
import { kindOf, mayHelpToRetry } from "./failure.ts";
import { retryDelayMs } from "./retry.ts";
import type { Operation, Tally } from "./tally.ts";

export interface Persistence {
  /** Where it is counted; asked each time, since it may have become another one meanwhile. */
  readonly tally: () => Tally;
  readonly random: Random;
  /** A box that would have to wait until after so long gives up. */
  readonly patienceMs: number;
  /** Aborted when the box loses its power. */
  readonly signal: AbortSignal;
}

/** Waits; rejects when the box loses its power. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal });
}

/**
 * Tries until it succeeds, until repeating cannot help or for as long as the box has patience, and counts what happens.
 * Rejects with the last failure, and when the box loses its power.
 */
export async function persistently<T>(
  operation: Operation,
  attempt: () => Promise<T>,
  { tally, random, patienceMs, signal }: Persistence,
): Promise<T> {
  const wantedAt = performance.now();
  for (let failures = 1; ; failures += 1) {
    const sentAt = performance.now();
    try {
      const result = await attempt();
      const answeredAt = performance.now();
      tally().success(operation, answeredAt - sentAt, answeredAt - wantedAt);
      return result;
    } catch (error) {
      // What a power cut interrupts is no failure of the cluster.
      signal.throwIfAborted();
      tally().failure(operation, kindOf(error));
      const delayMs = retryDelayMs(error, failures, random);
      if (!mayHelpToRetry(error) || performance.now() - wantedAt + delayMs > patienceMs) {
        tally().giveUp(operation);
        throw error;
      }
      await pause(delayMs, signal);
    }
  }
}
