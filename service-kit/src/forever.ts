import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "./log.ts";

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

/** The pause before retry number `attempt` (from 0): doubles up to 5 s, and only half of it is certain. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 16));
  return ceiling / 2 + (ceiling / 2) * random();
}

export interface SessionContext {
  readonly signal: AbortSignal;
  /** Says that the session's set-up is complete: the next failure is a new one. */
  readonly ready: () => void;
}

/**
 * Runs a session again and again until the signal aborts. A session sets up everything it needs, works until something
 * is lost, and releases everything: this is the only recovery path. A series of failures is logged once.
 */
export async function runForever(
  name: string,
  session: (context: SessionContext) => Promise<void>,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Logger },
): Promise<void> {
  let failures = 0;
  const ready = (): void => {
    log.info({ session: name, failures }, "session is up");
    failures = 0;
  };
  while (!signal.aborted) {
    try {
      await session({ signal, ready });
    } catch (error) {
      if (signal.aborted) return;
      if (failures === 0) log.warn({ session: name, err: error }, "session is lost, trying again until it is back");
      await sleep(backoffMs(failures), undefined, { signal }).catch(() => {});
      failures += 1;
    }
  }
}

/** Runs `work` until it succeeds once. Rejects when the signal aborts, or with an error that is not worth a retry. */
export async function untilDone<T>(
  name: string,
  work: () => Promise<T>,
  {
    signal,
    log,
    retryIf = () => true,
  }: { readonly signal: AbortSignal; readonly log: Logger; readonly retryIf?: (error: unknown) => boolean },
): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!retryIf(error)) throw error;
      if (failures === 0) log.warn({ work: name, err: error }, "failed, trying again until it is done");
      await sleep(backoffMs(failures), undefined, { signal });
    }
  }
}
