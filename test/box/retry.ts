import type { Random } from "../replication/fuzz/random.ts";
import { RefusedError } from "./box.ts";

const BASE_MS = 500;
const CAP_MS = 30_000;

/**
 * How long a box waits before it asks again. Never less than `Retry-After`, and spread over as long again, so that boxes
 * that were told the same do not come back together. Without it anywhere up to 1 s, 2 s, 4 s and so on to 30 s.
 * @param attempt counts the failures so far, from 1
 * @returns milliseconds
 */
export function retryDelayMs(error: unknown, attempt: number, random: Random): number {
  const told = error instanceof RefusedError ? error.retryAfterSeconds : null;
  if (told !== null && told > 0) return told * 1000 + random.between(0, told * 1000);
  return random.between(0, Math.min(CAP_MS, BASE_MS * 2 ** attempt));
}
