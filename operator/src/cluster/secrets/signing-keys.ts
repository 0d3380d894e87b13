/** One key of a JWK set (RFC 7517). */
interface Jwk {
  readonly kty: "oct";
  readonly kid: string;
  readonly k: string;
  readonly alg: "HS256";
  /** From when on it signs, in seconds since 1970. */
  readonly nbf?: number;
  readonly key_ops?: readonly string[];
}

/** Derives a secret of so many bytes for one purpose, as base64url. */
export type Derive = (purpose: string, bytes: number) => string;

/**
 * How long a key signs. Tokens live a day at most, and what is published takes a pod a minute to see, so a week leaves the
 * operator days to be late in.
 */
const PERIOD_SECONDS = 7 * 86_400;
const KEY_BYTES = 32;
const KEY_ID_BYTES = 8;

/**
 * The keys that AAA nodes sign tokens with, as a JWK set: that of this period, which signs; that of the one before, which
 * still verifies; and that of the next, which every node knows before any signs with it. And one that does not change
 * with them, for the answers that an unknown subscriber gets.
 */
export function signingKeys(derive: Derive, now: Date): string {
  return textOf([...periodsAround(now).map((period) => signingKey(derive, period)), decoyKey(derive)]);
}

/**
 * What follows a set of keys: those of its keys that are still in time, and whichever are missing.
 * @returns null when it is as it shall be, or when it is not one of ours: keys without `nbf` are somebody's own
 */
export function rotatedKeys(text: string, derive: Derive, now: Date): string | null {
  const keys = readKeys(text);
  const signing = keys.filter(({ key_ops }) => key_ops === undefined);
  if (signing.length === 0 || signing.some(({ nbf }) => nbf === undefined)) return null;
  const found = (period: number) => signing.find(({ nbf }) => nbf === startOf(period));
  const decoy = keys.find(({ key_ops }) => key_ops !== undefined);
  const rotated = textOf([
    ...periodsAround(now).map((period) => found(period) ?? signingKey(derive, period)),
    decoy ?? decoyKey(derive),
  ]);
  return rotated === text ? null : rotated;
}

/** The number of this period, of the one before, and of the next. */
function periodsAround(now: Date): readonly number[] {
  const period = Math.floor(now.getTime() / 1000 / PERIOD_SECONDS);
  return [period, period - 1, period + 1];
}

const startOf = (period: number): number => Math.max(0, period * PERIOD_SECONDS);

function signingKey(derive: Derive, period: number): Jwk {
  return {
    kty: "oct",
    kid: derive(`signing-key-id/${period}`, KEY_ID_BYTES),
    k: derive(`signing-key/${period}`, KEY_BYTES),
    alg: "HS256",
    nbf: startOf(period),
  };
}

function decoyKey(derive: Derive): Jwk {
  const kid = derive("decoy-key-id", KEY_ID_BYTES);
  return { kty: "oct", kid, k: derive("decoy-key", KEY_BYTES), alg: "HS256", key_ops: ["deriveBits"] };
}

const textOf = (keys: readonly Jwk[]): string => JSON.stringify({ keys });

/** The keys of a set; none when it cannot be read. */
function readKeys(text: string): readonly Jwk[] {
  try {
    const { keys } = JSON.parse(text);
    return Array.isArray(keys) ? keys.filter((key) => typeof key === "object" && key !== null) : [];
  } catch {
    return [];
  }
}
