import { SettingsError } from "@aaa-cluster/service-kit";
import Type from "typebox";
import { Compile } from "typebox/compile";
import { HmacKey } from "./hmac.ts";
import { headerText, type JwsType } from "./jws.ts";

const MINIMUM_KEY_BYTES = 32;

const JwkSet = Compile(
  Type.Object({
    keys: Type.Array(
      Type.Object({
        kty: Type.Literal("oct"),
        kid: Type.String({ minLength: 1 }),
        k: Type.String(),
        alg: Type.Literal("HS256"),
        nbf: Type.Optional(Type.Integer({ minimum: 0 })),
        key_ops: Type.Optional(Type.Array(Type.String())),
      }),
      { minItems: 1 },
    ),
  }),
);

/** One key of all nodes. */
export interface Key {
  readonly kid: string;
  readonly secret: HmacKey;
  /** The first parts of what it signs. */
  readonly headers: Readonly<Record<JwsType, string>>;
  /** Signs nothing before this time, in seconds since 1970. */
  readonly notBefore: number;
}

/** The keys that all nodes have. */
export interface KeySet {
  /** What tokens and nonces are signed and verified with; at least one. */
  readonly signing: readonly Key[];
  /** What the answers for unknown subscribers follow from; it does not change with the others, where the set has one. */
  readonly decoy: Key;
}

/**
 * Reads a JWK set (RFC 7517) of HS256 keys with at least 256 bits. `nbf` says from when on a key signs; all verify from
 * the start. A key whose `key_ops` are `["deriveBits"]` signs nothing. Throws SettingsError that says what to write.
 */
export function parseKeySet(json: string): KeySet {
  const keys = readKeys(json).map(({ kid, k, nbf = 0, key_ops = ["sign", "verify"] }) => {
    const bytes = Buffer.from(k, "base64url");
    if (bytes.length < MINIMUM_KEY_BYTES) throw new SettingsError(`the signing key ${kid} has fewer than 256 bits`);
    const headers = { "at+jwt": headerText(kid, "at+jwt"), "rt+jwt": headerText(kid, "rt+jwt") };
    return { kid, secret: new HmacKey(bytes), headers, notBefore: nbf, signs: !key_ops.includes("deriveBits") };
  });
  const twice = keys.find(({ kid }, index) => keys.findIndex((other) => other.kid === kid) !== index);
  if (twice !== undefined) throw new SettingsError(`two signing keys have the kid ${twice.kid}; give each its own`);
  const signing = keys.filter(({ signs }) => signs);
  const [first] = signing;
  if (first === undefined) throw new SettingsError("the signing keys must have one without key_ops deriveBits");
  return { signing, decoy: keys.find(({ signs }) => !signs) ?? first };
}

/** The key that signs now: of those that may, the one that may since last; of equals, the first. */
export function signingKeyOf({ signing }: KeySet, now: Date): Key {
  const seconds = now.getTime() / 1000;
  // Before the time of all of them, as by a clock that is wrong, the earliest serves better than none.
  const due = signing.filter(({ notBefore }) => notBefore <= seconds);
  if (due.length > 0) return due.reduce((best, key) => (key.notBefore > best.notBefore ? key : best));
  return signing.reduce((best, key) => (key.notBefore < best.notBefore ? key : best));
}

function readKeys(json: string) {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = null;
  }
  if (JwkSet.Check(value)) return value.keys;
  throw new SettingsError(
    'the signing keys must be { "keys": [{ "kty": "oct", "kid": "…", "k": "…", "alg": "HS256" }] }',
  );
}
