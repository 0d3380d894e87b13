import { Problem } from "@aaa-cluster/service-kit";
import { decodeJwt } from "jose";
import { Sieve } from "./read-model/sieve.ts";
import type { Identity } from "./signing-keys.ts";

/** What a known token takes of the heap, in bytes, beside its text. */
const WEIGHT = 400;

/** Who verifies tokens, with keys that may change. */
export interface TokenVerifier {
  /** Changes whenever the keys do. */
  readonly revision: number;
  /** Who the token was given to, or null when it is not a valid token now. */
  verifyToken(token: string, now: Date): Promise<Identity | null>;
}

interface Verified {
  readonly identity: Identity;
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
    this.#verified = new Sieve(limitBytes);
  }

  /** Who sent an access token: at once when it is known. Rejects with, or throws, Problem 401. */
  identityOf(token: string, now: Date): Identity | Promise<Identity> {
    const known = this.#verified.get(token);
    if (known === undefined || known.revision !== this.#verifier.revision) return this.#verify(token, now);
    if (now.getTime() < known.expiresAt) return known.identity;
    throw invalidToken();
  }

  async #verify(token: string, now: Date): Promise<Identity> {
    const { revision } = this.#verifier;
    const identity = await this.#verifier.verifyToken(token, now);
    if (identity === null) throw invalidToken();
    const expiresAt = (decodeJwt(token).exp ?? 0) * 1000;
    this.#verified.makeRoom();
    this.#verified.set(token, { identity, expiresAt, revision }, WEIGHT + token.length);
    return identity;
  }
}

function invalidToken(): Problem {
  return new Problem(401, "invalid-token", "the access token is not valid or has expired; authenticate again");
}
