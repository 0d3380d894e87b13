import { Problem } from "@aaa-cluster/service-kit";
import type { Access } from "./authorization/access.ts";
import { type Kept, Sieve } from "./read-model/sieve.ts";
import type { AccessClaim, Identity } from "./signing-keys.ts";

/** What a known token takes of the heap, in bytes, beside its text. */
const WEIGHT = 420;

/** Who verifies tokens, with keys that may change. */
export interface TokenVerifier {
  /** Changes whenever the keys do. */
  readonly revision: number;
  /** What the token says, or null when it is not a valid token now. */
  verifyToken(token: string, now: Date): AccessClaim | null;
}

/** The box that an access token was given to. */
export interface Bearer extends Identity {
  /** What it might use when it asked last, which need not hold any more. */
  access: Access | null;
}

interface Verified extends Bearer, Kept {
  readonly token: string;
  /** In seconds since 1970. */
  readonly expiresAt: number;
  readonly revision: number;
}

/** Access tokens that were verified, by their exact text, until they expire or the keys change. */
export class Tokens {
  readonly #verifier: TokenVerifier;
  /** By their tags: a map of their texts would look at texts that are in no cache, and at those of other tokens too. */
  readonly #verified: Sieve<Verified, number>;

  /** @param limitBytes how much memory they may take, nearly */
  constructor(verifier: TokenVerifier, limitBytes: number) {
    this.#verifier = verifier;
    this.#verified = new Sieve(limitBytes, ({ token }) => WEIGHT + token.length);
  }

  /** Who sent an access token. Throws Problem 401. */
  bearerOf(token: string, now: Date): Bearer {
    const known = this.#verified.get(tagOf(token));
    if (known === undefined || known.token !== token || known.revision !== this.#verifier.revision) {
      return this.#verify(token, now);
    }
    if (now.getTime() < known.expiresAt * 1000) return known;
    throw invalidToken();
  }

  #verify(token: string, now: Date): Bearer {
    const { revision } = this.#verifier;
    const claim = this.#verifier.verifyToken(token, now);
    if (claim === null) throw invalidToken();
    const { identity, expiresAt } = claim;
    const bearer: Verified = { ...identity, token, expiresAt, revision, access: null, mark: "kept" };
    this.#verified.makeRoom();
    this.#verified.set(tagOf(token), bearer);
    return bearer;
  }
}

const TAG_CHARACTERS = 6;

/** Of the end of a token's signature, so that hardly ever two valid ones have the same; then the later takes the place of the other. */
function tagOf(token: string): number {
  let tag = 0;
  for (let index = Math.max(0, token.length - TAG_CHARACTERS); index < token.length; index += 1) {
    tag = (Math.imul(tag, 61) + token.charCodeAt(index)) | 0;
  }
  return tag;
}

function invalidToken(): Problem {
  return new Problem(401, "invalid-token", "the access token is not valid or has expired; authenticate again");
}
