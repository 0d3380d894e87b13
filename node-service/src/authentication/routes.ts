import { Problem } from "@aaa-cluster/service-kit";
import { type BoxRoute, boxRoute } from "../box-http/route.ts";
import type { BoxDeps } from "../boxes.ts";
import { accountOf } from "../reads.ts";
import type { IssuedToken } from "../signing-keys.ts";
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

  return [
    boxRoute("/v1/authenticate/challenge", ChallengeRequest, async ({ deviceId, clientFirst }): Promise<Challenge> => {
      const first = parseClientFirst(clientFirst) ?? refuseMessage("clientFirst", "n,,n=<subscriberId>,r=<nonce>");
      const { subscriberId, nonce } = first;
      const { subscriber } = await readModel.answer(accountOf(subscriberId, deviceId));
      // Made for known subscribers too, so that the work does not tell who is known.
      const decoy = decoyCredential(keys, subscriberId);
      const serverPart = issueNonce(keys, { clientNonce: nonce, subscriberId, deviceId }, now());
      return { serverFirst: serverFirst(nonce + serverPart, subscriber?.credential ?? decoy) };
    }),

    boxRoute(
      "/v1/authenticate",
      AuthenticateRequest,
      async ({ deviceId, macAddress, clientFirst, clientFinal }): Promise<Admission> => {
        const first = parseClientFirst(clientFirst) ?? refuseMessage("clientFirst", "n,,n=<subscriberId>,r=<nonce>");
        const final = parseClientFinal(clientFinal) ?? refuseMessage("clientFinal", "c=biws,r=<nonce>,p=<proof>");
        const { subscriberId, nonce: clientNonce } = first;
        const identity = { subscriberId, deviceId };
        const account = await readModel.answer(accountOf(subscriberId, deviceId));
        const signature = verifyProof(account.subscriber?.credential ?? NOBODYS_CREDENTIAL, first, final);
        const nonce = verifyNonce(keys, final.nonce, { clientNonce, ...identity }, now());
        const box = isBoundTo(account, macAddress) ? admitted(account, identity) : null;
        // One answer for every cause, so that nobody learns which names exist.
        if (signature === null || nonce === null || box === null || !used.use(nonce, now())) {
          metrics.authentications.inc({ result: "refused" });
          throw new Problem(401, "authentication-failed", "the subscriber, its device or the proof is not accepted");
        }
        metrics.authentications.inc({ result: "accepted" });
        const refresh = keys.issueRefreshToken(identity, box.standing, now());
        const { token: refreshToken, expiresIn: refreshExpiresIn } = refresh;
        return { serverFinal: signature, ...grant(keys.issueToken(identity, now())), refreshToken, refreshExpiresIn };
      },
    ),

    boxRoute("/v1/authenticate/refresh", RefreshRequest, async ({ refreshToken }): Promise<AccessGrant> => {
      const claim = keys.verifyRefreshToken(refreshToken, now());
      const box = claim && admitted(await readModel.answer(accountOf(claim.subscriberId, claim.deviceId)), claim);
      if (claim === null || box === null || !claim.standsAt(box.standing)) {
        metrics.authentications.inc({ result: "refresh-refused" });
        throw new Problem(401, "invalid-token", "the refresh token is not accepted or has expired; authenticate again");
      }
      metrics.authentications.inc({ result: "refreshed" });
      return grant(keys.issueToken(claim, now()));
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
