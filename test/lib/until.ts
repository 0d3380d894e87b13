import { setTimeout as sleep } from "node:timers/promises";

export interface UntilOptions {
  readonly deadlineMs: number;
  readonly intervalMs?: number;
}

/**
 * Polls until `probe` returns something else than undefined, null or false, and returns that.
 * A probe that throws counts as "not yet". At the deadline it rejects with `what` and the last thing seen.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  { deadlineMs, intervalMs = 250 }: UntilOptions,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await probe();
      if (found !== undefined && found !== null && found !== false) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= deadline) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`gave up after ${deadlineMs / 1000} s waiting until ${what}; last seen: ${seen}`, {
        cause: last,
      });
    }
    await sleep(intervalMs);
  }
}
