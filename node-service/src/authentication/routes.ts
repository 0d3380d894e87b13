import { Problem } from "@aaa-cluster/service-kit";
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { mayAuthenticate } from "../authorization/access.ts";
import type { BoxDeps } from "../boxes.ts";
import { accountOf } from "../reads.ts";
import { decoyCredential, parseClientFinal, parseClientFirst, serverFirst, verifyProof } from "./scram.ts";
import { issueNonce, verifyNonce } from "./server-nonce.ts";

const strict = { additionalProperties: false };
const DeviceId = Type.String({ minLength: 1, maxLength: 64 });
const ScramMessage = Type.String({ minLength: 1, maxLength: 1024 });

const ChallengeRequest = Type.Object({ deviceId: DeviceId, clientFirst: ScramMessage }, strict);
const AuthenticateRequest = Type.Object(
  { deviceId: DeviceId, clientFirst: ScramMessage, clientFinal: ScramMessage },
  strict,
);

/** Admits boxes: SCRAM-SHA-256 in two steps, each of which may come to another node. */
export function authenticationRoutes(app: FastifyInstance, { readModel, keys, metrics, now }: BoxDeps): void {
  app.post<{ Body: Type.Static<typeof ChallengeRequest> }>(
    "/v1/authenticate/challenge",
    { schema: { body: ChallengeRequest } },
    async ({ body: { deviceId, clientFirst } }) => {
      const first = parseClientFirst(clientFirst) ?? refuseMessage("clientFirst", "n,,n=<subscriberId>,r=<nonce>");
      const { subscriberId, nonce } = first;
      const { subscriber } = await readModel.answer(accountOf(subscriberId, deviceId));
      const serverPart = issueNonce(keys, { clientNonce: nonce, subscriberId, deviceId }, now());
      const credential = subscriber?.credential ?? decoyCredential(keys, subscriberId);
      return { serverFirst: serverFirst(nonce + serverPart, credential) };
    },
  );

  app.post<{ Body: Type.Static<typeof AuthenticateRequest> }>(
    "/v1/authenticate",
    { schema: { body: AuthenticateRequest } },
    async ({ body: { deviceId, clientFirst, clientFinal } }) => {
      const first = parseClientFirst(clientFirst) ?? refuseMessage("clientFirst", "n,,n=<subscriberId>,r=<nonce>");
      const final = parseClientFinal(clientFinal) ?? refuseMessage("clientFinal", "c=biws,r=<nonce>,p=<proof>");
      const { subscriberId, nonce: clientNonce } = first;
      const fresh = verifyNonce(keys, final.nonce, { clientNonce, subscriberId, deviceId }, now());
      const account = await readModel.answer(accountOf(subscriberId, deviceId));
      const credential = account.subscriber?.credential ?? decoyCredential(keys, subscriberId);
      const signature = verifyProof(credential, first, final);
      // One answer for every cause, so that nobody learns which names exist.
      if (signature === null || !fresh || !mayAuthenticate(account, subscriberId)) {
        metrics.authentications.inc({ result: "refused" });
        throw new Problem(401, "authentication-failed", "the subscriber, its device or the proof is not accepted");
      }
      metrics.authentications.inc({ result: "accepted" });
      const { token, expiresIn } = await keys.issueToken({ subscriberId, deviceId }, now());
      return { serverFinal: signature, accessToken: token, tokenType: "Bearer", expiresIn };
    },
  );
}

function refuseMessage(member: string, form: string): never {
  throw new Problem(400, "invalid-request", "the SCRAM message cannot be read", [`/${member}: must be ${form}`]);
}
