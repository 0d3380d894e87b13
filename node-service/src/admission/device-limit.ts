/** How many seconds' worth of requests a box may send at once after it was quiet: a box that starts, or zaps. */
const BURST_SECONDS = 5;
const BURST_MS = BURST_SECONDS * 1000;
/**
 * How many boxes are remembered, a power of two. A box has to be for as long as the bucket fills up again, so for an interval after one
 * request: even at one request a second these are no more boxes than a node answers in a second. A processor's own cache has room for them.
 */
const MOST_REMEMBERED = 65_536;
/** Places that one box may have: what is looked at for a request lies side by side. */
const WAYS = 4;
/** Of a place: whose it is, and when the bucket is full. */
const FIELDS = 2;
const SET = WAYS * FIELDS;

/**
 * How often one box may ask: a token bucket for each, kept as the one moment at which the bucket would be full again. From then on a box
 * need not be remembered, and its place is free. When all places are taken, the box goes whose bucket is full first.
 */
export class DeviceLimit {
  readonly #intervalMs: number;
  readonly #places: Float64Array;
  readonly #mask: number;

  /** @param requestsPerSecond of one box in the long run; 0 for as many as it likes */
  constructor(requestsPerSecond: number, mostRemembered: number = MOST_REMEMBERED) {
    this.#intervalMs = requestsPerSecond === 0 ? 0 : 1000 / requestsPerSecond;
    this.#places = new Float64Array(mostRemembered * FIELDS);
    this.#mask = mostRemembered / WAYS - 1;
  }

  /**
   * Takes a request of a box, or refuses it, which costs the box nothing.
   * @param box its key, see `boxOf`
   * @param now ms of a monotonic clock, from 0 on
   * @returns 0 when it is taken, or in how many ms it would be
   */
  take(box: number, now: number): number {
    if (this.#intervalMs === 0) return 0;
    const places = this.#places;
    const place = this.#placeOf(box);
    const fullAt = places[place] === box ? Math.max(places[place + 1] as number, now) : now;
    const tooEarlyMs = Math.max(fullAt + this.#intervalMs - now - BURST_MS, 0);
    if (tooEarlyMs > 0) return tooEarlyMs;
    places[place] = box;
    places[place + 1] = fullAt + this.#intervalMs;
    return 0;
  }

  /** Where a box is, or else where it may be. */
  #placeOf(box: number): number {
    const places = this.#places;
    const first = (box & this.#mask) * SET;
    let free = first;
    for (let place = first; place < first + SET; place += FIELDS) {
      if (places[place] === box) return place;
      if ((places[place + 1] as number) < (places[free + 1] as number)) free = place;
    }
    return free;
  }
}

/** How many characters of a token's signature tell its box. */
const SIGNATURE_CHARACTERS = 12;
const CLAIMED = 1;
const ADMITTED = 2;

/**
 * Pure: the key of the box whose request this is, before anything in it was verified; null when it says nothing of it. The name that a box
 * claims while it authenticates has a bucket of its own, so that nobody who knows it uses up that of the admitted box. That one
 * is known by the signature of its token, whose last character leaves two bits open.
 */
export function boxOf(body: unknown): number | null {
  const { deviceId, accessToken, refreshToken } = Object(body) as Record<string, unknown>;
  if (typeof deviceId === "string") return keyOf(CLAIMED, deviceId, 0, deviceId.length);
  const token = accessToken ?? refreshToken;
  if (typeof token !== "string") return null;
  const end = token.length - 1;
  return keyOf(ADMITTED, token, Math.max(0, end - SIGNATURE_CHARACTERS), end);
}

/** A whole number of 52 bits, so that hardly ever two boxes have the same. */
function keyOf(kind: number, text: string, begin: number, end: number): number {
  let [high, low] = [kind, kind];
  for (let index = begin; index < end; index += 1) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low + code, 0x5bd1e995) ^ (low >>> 15);
  }
  return (high >>> 12) * 2 ** 32 + (low >>> 0);
}
