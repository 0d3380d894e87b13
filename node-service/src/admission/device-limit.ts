import { Generations } from "../generations.ts";

/** How many seconds' worth of requests a box may send at once after it was quiet: a box that starts, or zaps. */
const BURST_SECONDS = 5;
const BURST_MS = BURST_SECONDS * 1000;
/** How many boxes are remembered. Whoever is forgotten is one that was quiet, or there are very many. */
const MOST_REMEMBERED = 200_000;

/**
 * How often one box may ask: a token bucket for each, kept as the one moment at which the bucket would be full again. That is never
 * further away than the burst, so a box that did not ask for so long need not be remembered.
 */
export class DeviceLimit {
  readonly #intervalMs: number;
  readonly #fullAt: Generations<number>;

  /** @param requestsPerSecond of one box in the long run; 0 for as many as it likes */
  constructor(requestsPerSecond: number, mostRemembered: number = MOST_REMEMBERED) {
    this.#intervalMs = requestsPerSecond === 0 ? 0 : 1000 / requestsPerSecond;
    this.#fullAt = new Generations(BURST_MS, mostRemembered);
  }

  get remembered(): number {
    return this.#fullAt.size;
  }

  /**
   * Takes a request of a box, or refuses it, which costs the box nothing.
   * @param now ms of a monotonic clock
   * @returns 0 when it is taken, or in how many ms it would be
   */
  take(box: string, now: number): number {
    if (this.#intervalMs === 0) return 0;
    this.#fullAt.forget(now);
    const fullAt = Math.max(this.#fullAt.get(box) ?? now, now);
    const tooEarlyMs = Math.max(fullAt + this.#intervalMs - now - BURST_MS, 0);
    // Also when it is refused, so that one that never stops is not forgotten.
    this.#fullAt.set(box, tooEarlyMs > 0 ? fullAt : fullAt + this.#intervalMs);
    return tooEarlyMs;
  }
}

/** Of a token's signature: less than 13 characters, which V8 copies instead of keeping the whole body for them. */
const SHOWN_OF_TOKEN = 12;

/**
 * Pure: whose request this is, before anything in it was verified; null when it says nothing of it. The name that a box
 * claims while it authenticates has a bucket of its own, so that nobody who knows it uses up that of the admitted box. That one
 * is known by the signature of its token, whose last character leaves two bits open.
 */
export function boxOf(body: unknown): string | null {
  const { deviceId, accessToken, refreshToken } = Object(body) as Record<string, unknown>;
  if (typeof deviceId === "string") return `claims ${deviceId}`;
  const token = accessToken ?? refreshToken;
  return typeof token === "string" ? token.slice(-1 - SHOWN_OF_TOKEN, -1) : null;
}
