import { Problem } from "@aaa-cluster/service-kit";
import { Sieve } from "./read-model/sieve.ts";
import type { AccessClaim, Identity } from "./signing-keys.ts";

/** What a known token takes of the heap, in bytes, beside its text. */
const WEIGHT = 400;

/** Who verifies tokens, with keys that may change. */
export interface TokenVerifier {
  /** Changes whenever the keys do. */
  readonly revision: number;
  /** What the token says, or null when it is not a valid token now. */
  verifyToken(token: string, now: Date): AccessClaim | null;
}

interface Verified extends AccessClaim {
  readonly revision: number;
}

/** Access tokens that were verified, by their exact text, until they expire or the keys change. */
export class Tokens {
  readonly #verifier: TokenVerifier;
  readonly #verified: Sieve<Verified>;

  /** @param limitBytes how much memory they may take, nearly */
  constructor(verifier: TokenVerifier, limitBytes: number) {
    this.#verifier = verifier;
    this.#verified = new Sieve(limitBytes);
  }

  /** Who sent an access token. Throws Problem 401. */
  identityOf(token: string, now: Date): Identity {
    const known = this.#verified.get(token);
    if (known === undefined || known.revision !== this.#verifier.revision) return this.#verify(token, now);
    if (now.getTime() < known.expiresAt) return known.identity;
    throw invalidToken();
  }

  #verify(token: string, now: Date): Identity {
    const { revision } = this.#verifier;
    const claim = this.#verifier.verifyToken(token, now);
    if (claim === null) throw invalidToken();
    this.#verified.makeRoom();
    this.#verified.set(token, { ...claim, revision }, WEIGHT + token.length);
    return claim.identity;
  }
}

function invalidToken(): Problem {
  return new Problem(401, "invalid-token", "the access token is not valid or has expired; authenticate again");
}
