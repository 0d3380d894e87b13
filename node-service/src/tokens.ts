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
  /** In ms since 1970. */
  readonly expiresAt: number;
  readonly revision: number;
}

/** Access tokens that were verified, by their exact text, until they expire or the keys change. */
export class Tokens {
  readonly #verifier: TokenVerifier;
  readonly #verified: Sieve<Verified>;

  /** @param limitBytes how much memory they may take, nearly */
  constructor(verifier: TokenVerifier, limitBytes: number) {
    this.#verifier = verifier;
    this.#verified = new Sieve(limitBytes, (_bearer, token) => WEIGHT + token.length);
  }

  /** Who sent an access token. Throws Problem 401. */
  bearerOf(token: string, now: Date): Bearer {
    const known = this.#verified.get(token);
    if (known === undefined || known.revision !== this.#verifier.revision) return this.#verify(token, now);
    if (now.getTime() < known.expiresAt) return known;
    throw invalidToken();
  }

  #verify(token: string, now: Date): Bearer {
    const { revision } = this.#verifier;
    const claim = this.#verifier.verifyToken(token, now);
    if (claim === null) throw invalidToken();
    const { identity, expiresAt } = claim;
    const bearer: Verified = { ...identity, expiresAt, revision, access: null, mark: "kept" };
    this.#verified.makeRoom();
    this.#verified.set(token, bearer);
    return bearer;
  }
}

function invalidToken(): Problem {
  return new Problem(401, "invalid-token", "the access token is not valid or has expired; authenticate again");
}
