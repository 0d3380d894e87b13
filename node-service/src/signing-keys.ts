import { Buffer } from "node:buffer";
import Type from "typebox";
import { areSame, isSame } from "./hmac.ts";
import { type JwsType, signJws, verifyJws } from "./jws.ts";
import { type Key, type KeySet, parseKeySet, signingKeyOf } from "./key-set.ts";

const ISSUER = "aaa";
const ACCESS = { typ: "at+jwt", seconds: 3600 } as const;
// Shorter than the operator keeps a key after it has ceased to sign.
const REFRESH = { typ: "rt+jwt", seconds: 86_400 } as const;
const STANDING = "standing";

/** An access or a refresh token as a box sends it. */
export const AccessToken = Type.String({ minLength: 1, maxLength: 4096 });

/** Who a token was given to. */
export interface Identity {
  readonly subscriberId: string;
  readonly deviceId: string;
}

/** What a valid access token says. */
export interface AccessClaim {
  readonly identity: Identity;
  /** In seconds since 1970. */
  readonly expiresAt: number;
}

/** A token, and for how many seconds it is valid. */
export interface IssuedToken {
  readonly token: string;
  readonly expiresIn: number;
}

/** What a refresh token says, and whether its box stands as it did when it was admitted. */
export interface RefreshClaim extends Identity {
  readonly standsAt: (standing: string) => boolean;
}

/** The keys that all nodes share. They may be replaced at any time; whoever has this object has those of now. */
export class SigningKeys {
  #set: KeySet;
  #revision = 0;

  private constructor(set: KeySet) {
    this.#set = set;
  }

  /** Reads a JWK set. Throws SettingsError when it is not one of HS256 keys with at least 256 bits. */
  static parse(json: string): SigningKeys {
    return new SigningKeys(parseKeySet(json));
  }

  /** Takes the keys of another JWK set. Throws SettingsError as above, and then goes on with those it has. */
  replace(json: string): void {
    this.#set = parseKeySet(json);
    this.#revision += 1;
  }

  /** Changes whenever the keys do: what was verified before is not verified any more. */
  get revision(): number {
    return this.#revision;
  }

  /** The names of the keys, and of the one that signs. */
  names(now: Date): { readonly signing: string; readonly all: readonly string[] } {
    return { signing: signingKeyOf(this.#set, now).kid, all: this.#set.signing.map(({ kid }) => kid) };
  }

  /** An access token for one hour. */
  issueToken(identity: Identity, now: Date): IssuedToken {
    return issue(signingKeyOf(this.#set, now), ACCESS, identity, {}, now);
  }

  /**
   * A refresh token for one day.
   * @param standing what must still be so when it is used; the token does not show it
   */
  issueRefreshToken(identity: Identity, standing: string, now: Date): IssuedToken {
    const key = signingKeyOf(this.#set, now);
    return issue(key, REFRESH, identity, { [STANDING]: standingMac(key, standing) }, now);
  }

  /** What the access token says, or null when it is not a valid one now. */
  verifyToken(token: string, now: Date): AccessClaim | null {
    const verified = this.#verify(token, ACCESS.typ, now);
    return verified && { identity: verified.identity, expiresAt: verified.expiresAt };
  }

  /** What the refresh token says, or null when it is not a valid one now. */
  verifyRefreshToken(token: string, now: Date): RefreshClaim | null {
    const verified = this.#verify(token, REFRESH.typ, now);
    if (verified === null) return null;
    const { identity, claims, key } = verified;
    return { ...identity, standsAt: (standing) => isSame(String(claims[STANDING]), standingMac(key, standing)) };
  }

  /** A keyed hash of texts for one purpose, with the key that signs now. */
  mac(now: Date, purpose: string, ...texts: readonly string[]): Buffer {
    return signingKeyOf(this.#set, now).secret.bytesOf(messageOf(purpose, texts));
  }

  /** Whether a keyed hash, or the beginning of one, was made with any of the keys. */
  verifyMac(given: Buffer, purpose: string, ...texts: readonly string[]): boolean {
    if (given.length === 0) return false;
    const message = messageOf(purpose, texts);
    return this.#set.signing.some(({ secret }) => areSame(given, secret.bytesOf(message).subarray(0, given.length)));
  }

  /** A keyed hash that stays the same while the signing keys change. */
  decoyMac(purpose: string, ...texts: readonly string[]): Buffer {
    return this.#set.decoy.secret.bytesOf(messageOf(purpose, texts));
  }

  #verify(token: string, typ: JwsType, now: Date): Verified | null {
    let key: Key | undefined;
    const claims = verifyJws(token, (header) => {
      key = this.#set.signing.find(({ headers }) => headers[typ] === header);
      return key?.secret ?? null;
    });
    if (claims === null || key === undefined) return null;
    const { iss, sub, device, exp } = claims;
    const isOurs = iss === ISSUER && typeof sub === "string" && typeof device === "string" && typeof exp === "number";
    if (!isOurs || now.getTime() >= exp * 1000) return null;
    return { identity: { subscriberId: sub, deviceId: device }, expiresAt: exp, claims, key };
  }
}

interface Verified extends AccessClaim {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly key: Key;
}

function issue(
  { headers, secret }: Key,
  { typ, seconds }: typeof ACCESS | typeof REFRESH,
  { subscriberId, deviceId }: Identity,
  claims: object,
  now: Date,
): IssuedToken {
  const iat = Math.floor(now.getTime() / 1000);
  const all = { iss: ISSUER, sub: subscriberId, device: deviceId, iat, exp: iat + seconds, ...claims };
  return { token: signJws(headers[typ], all, secret), expiresIn: seconds };
}

const standingMac = ({ secret }: Key, standing: string): string =>
  secret.of(messageOf("standing", [standing]), "base64url");

/** What is hashed for a purpose; no other purpose and texts are written like that. */
function messageOf(purpose: string, texts: readonly string[]): string {
  return purpose + texts.map((text) => `\0${Buffer.byteLength(text)}\0${text}`).join("");
}
