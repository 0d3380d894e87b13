import { Problem } from "@aaa-cluster/service-kit";
import { type BoxRoute, boxRoute } from "../box-http/route.ts";
import type { BoxDeps } from "../boxes.ts";
import { type Account, accountOf } from "../reads.ts";
import type { Identity, IssuedToken } from "../signing-keys.ts";
import { admitted, isBoundTo } from "./admission.ts";
import {
  type AccessGrant,
  type Admission,
  AuthenticateRequest,
  type Challenge,
  ChallengeRequest,
  RefreshRequest,
} from "./schemas.ts";
import {
  decoyCredential,
  NOBODYS_CREDENTIAL,
  parseClientFinal,
  parseClientFirst,
  serverFirst,
  verifyProof,
} from "./scram.ts";
import { issueNonce, NONCE_ACCEPTED_MS, verifyNonce } from "./server-nonce.ts";
import { UsedNonces } from "./used-nonces.ts";

/** Admits boxes: SCRAM-SHA-256 in two steps, each of which may come to another node. */
export function authenticationRoutes({ readModel, keys, metrics, now }: BoxDeps): BoxRoute[] {
  const used = new UsedNonces(NONCE_ACCEPTED_MS);

  /** Answers from what is known of a box: without a promise when it is, as it nearly always is. */
  const answer = <T>({ subscriberId, deviceId }: Identity, of: (account: Account) => T): T | Promise<T> => {
    const question = accountOf(subscriberId, deviceId);
    return readModel.answer((known) => {
      const account = question(known);
      return account && of(account);
    });
  };

  const refusal = (): Problem => {
    metrics.authentications.refused += 1;
    return new Problem(401, "authentication-failed", "the subscriber, its device or the proof is not accepted");
  };
  const refreshRefusal = (): Problem => {
    metrics.authentications["refresh-refused"] += 1;
    return new Problem(401, "invalid-token", "the refresh token is not accepted or has expired; authenticate again");
  };

  return [
    boxRoute("/v1/authenticate/challenge", ChallengeRequest, ({ deviceId, clientFirst }) => {
      const first = parseClientFirst(clientFirst) ?? refuseMessage("clientFirst", "n,,n=<subscriberId>,r=<nonce>");
      const { subscriberId, nonce } = first;
      return answer({ subscriberId, deviceId }, ({ subscriber }): Challenge => {
        // Made for known subscribers too, so that the work does not tell who is known.
        const decoy = decoyCredential(keys, subscriberId);
        const serverPart = issueNonce(keys, { clientNonce: nonce, subscriberId, deviceId }, now());
        return { serverFirst: serverFirst(nonce + serverPart, subscriber?.credential ?? decoy) };
      });
    }),

    boxRoute("/v1/authenticate", AuthenticateRequest, ({ deviceId, macAddress, clientFirst, clientFinal }) => {
      const first = parseClientFirst(clientFirst) ?? refuseMessage("clientFirst", "n,,n=<subscriberId>,r=<nonce>");
      const final = parseClientFinal(clientFinal) ?? refuseMessage("clientFinal", "c=biws,r=<nonce>,p=<proof>");
      const { subscriberId, nonce: clientNonce } = first;
      const identity = { subscriberId, deviceId };
      return answer(identity, (account): Admission => {
        const at = now();
        const signature = verifyProof(account.subscriber?.credential ?? NOBODYS_CREDENTIAL, first, final);
        const nonce = verifyNonce(keys, final.nonce, { clientNonce, ...identity }, at);
        const box = isBoundTo(account, macAddress) ? admitted(account, identity) : null;
        // One answer for every cause, so that nobody learns which names exist.
        if (signature === null || nonce === null || box === null || !used.use(nonce, at)) throw refusal();
        metrics.authentications.accepted += 1;
        const { token: refreshToken, expiresIn: refreshExpiresIn } = keys.issueRefreshToken(identity, box.standing, at);
        return { serverFinal: signature, ...grant(keys.issueToken(identity, at)), refreshToken, refreshExpiresIn };
      });
    }),

    boxRoute("/v1/authenticate/refresh", RefreshRequest, ({ refreshToken }) => {
      const claim = keys.verifyRefreshToken(refreshToken, now());
      if (claim === null) throw refreshRefusal();
      return answer(claim, (account): AccessGrant => {
        const box = admitted(account, claim);
        if (box === null || !claim.standsAt(box.standing)) throw refreshRefusal();
        metrics.authentications.refreshed += 1;
        return grant(keys.issueToken(claim, now()));
      });
    }),
  ];
}

const grant = ({ token, expiresIn }: IssuedToken): AccessGrant => ({
  accessToken: token,
  tokenType: "Bearer",
  expiresIn,
});

function refuseMessage(member: string, form: string): never {
  throw new Problem(400, "invalid-request", "the SCRAM message cannot be read", [`/${member}: must be ${form}`]);
}
