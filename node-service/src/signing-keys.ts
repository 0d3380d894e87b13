import { createHmac, timingSafeEqual } from "node:crypto";
import { Problem, SettingsError } from "@aaa-cluster/service-kit";
import { errors, jwtVerify, SignJWT } from "jose";
import Type from "typebox";
import { Compile } from "typebox/compile";

const ISSUER = "aaa";
const TOKEN_SECONDS = 3600;
const MINIMUM_KEY_BYTES = 32;

const JwkSet = Compile(
  Type.Object({
    keys: Type.Array(
      Type.Object({
        kty: Type.Literal("oct"),
        kid: Type.String({ minLength: 1 }),
        k: Type.String(),
        alg: Type.Literal("HS256"),
      }),
      { minItems: 1 },
    ),
  }),
);

/** An access token as a box sends it. */
export const AccessToken = Type.String({ minLength: 1, maxLength: 4096 });

/** Who a token was given to. */
export interface Identity {
  readonly subscriberId: string;
  readonly deviceId: string;
}

interface Key {
  readonly kid: string;
  readonly secret: Buffer;
}

/** The keys that all nodes share: the first one signs, all of them verify. */
export class SigningKeys {
  readonly #signing: Key;
  readonly #keys: readonly Key[];
  /** Changes whenever the keys do. */
  readonly revision = 0;

  private constructor(signing: Key, keys: readonly Key[]) {
    this.#signing = signing;
    this.#keys = keys;
  }

  /** Reads a JWK set. Throws SettingsError when it is not one of HS256 keys with at least 256 bits. */
  static parse(json: string): SigningKeys {
    const keys = readKeys(json).map(({ kid, k }) => ({ kid, secret: Buffer.from(k, "base64url") }));
    const weak = keys.find(({ secret }) => secret.length < MINIMUM_KEY_BYTES);
    if (weak !== undefined) throw new SettingsError(`the signing key ${weak.kid} has fewer than 256 bits`);
    return new SigningKeys(keys[0] as Key, keys);
  }

  /** An access token for one hour. */
  async issueToken({ subscriberId, deviceId }: Identity, now: Date): Promise<{ token: string; expiresIn: number }> {
    const issuedAt = Math.floor(now.getTime() / 1000);
    const token = await new SignJWT({ device: deviceId })
      .setProtectedHeader({ alg: "HS256", kid: this.#signing.kid })
      .setIssuer(ISSUER)
      .setSubject(subscriberId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + TOKEN_SECONDS)
      .sign(this.#signing.secret);
    return { token, expiresIn: TOKEN_SECONDS };
  }

  /** Who the token was given to, or null when it is not a valid token now. */
  async verifyToken(token: string, now: Date): Promise<Identity | null> {
    const secretOf = ({ kid }: { kid?: string }): Buffer => {
      const key = this.#keys.find((candidate) => candidate.kid === kid);
      if (key === undefined) throw new errors.JOSEError("unknown kid");
      return key.secret;
    };
    try {
      const { payload } = await jwtVerify(token, secretOf, {
        algorithms: ["HS256"],
        issuer: ISSUER,
        currentDate: now,
        requiredClaims: ["exp", "sub", "device"],
      });
      return { subscriberId: String(payload.sub), deviceId: String(payload.device) };
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }

  /** A keyed hash of texts for one purpose, with the signing key. */
  mac(purpose: string, ...texts: readonly string[]): Buffer {
    return macWith(this.#signing, purpose, texts);
  }

  /** Whether a keyed hash was made with any of the keys. */
  verifyMac(given: Buffer, purpose: string, ...texts: readonly string[]): boolean {
    return this.#keys.some((key) => {
      const expected = macWith(key, purpose, texts).subarray(0, given.length);
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
  }
}

/** Who sent an access token. Throws Problem 401. */
export async function identityOf(keys: SigningKeys, accessToken: string, now: Date): Promise<Identity> {
  const identity = await keys.verifyToken(accessToken, now);
  if (identity !== null) return identity;
  throw new Problem(401, "invalid-token", "the access token is not valid or has expired; authenticate again");
}

function readKeys(json: string): { kid: string; k: string }[] {
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

function macWith({ secret }: Key, purpose: string, texts: readonly string[]): Buffer {
  const hmac = createHmac("sha256", secret).update(purpose);
  for (const text of texts) hmac.update(`\0${Buffer.byteLength(text)}\0${text}`);
  return hmac.digest();
}
