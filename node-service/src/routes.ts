import { digestText, Problem } from "@aaa-cluster/service-kit";
import type { FastifyInstance } from "fastify";
import type pg from "pg";
import Type from "typebox";
import { decideAccess, mayAuthenticate } from "./access.ts";
import type { Metrics } from "./metrics.ts";
import type { Partition } from "./partition.ts";
import { readAccount, readDatabaseVersion, readEntitlements } from "./reads.ts";
import { decoyCredential, parseClientFinal, parseClientFirst, serverFirst, verifyProof } from "./scram.ts";
import { issueNonce, verifyNonce } from "./server-nonce.ts";
import { AccessToken, identityOf, type SigningKeys } from "./signing-keys.ts";
import { minSequenceOf, refusalOf, regressOf } from "./staleness.ts";

// How often OSS says where the stream is.
const RETRY_AFTER_SECONDS = 5;

const strict = { additionalProperties: false };
const DeviceId = Type.String({ minLength: 1, maxLength: 64 });
const ScramMessage = Type.String({ minLength: 1, maxLength: 1024 });

const ChallengeRequest = Type.Object({ deviceId: DeviceId, clientFirst: ScramMessage }, strict);
const AuthenticateRequest = Type.Object(
  { deviceId: DeviceId, clientFirst: ScramMessage, clientFinal: ScramMessage },
  strict,
);
const AuthorizeRequest = Type.Object(
  {
    accessToken: AccessToken,
    service: Type.String({ minLength: 1, maxLength: 128 }),
  },
  strict,
);

export interface RouteDeps {
  readonly pool: pg.Pool;
  readonly keys: SigningKeys;
  readonly partition: Partition;
  readonly metrics: Metrics;
  readonly now: () => Date;
}

/** What a set-top box gets from a node. Every answer says which node it is from and how far that was. */
export function boxRoutes({ pool, keys, partition, metrics, now }: RouteDeps): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.addHook("onRequest", async ({ headers }, reply) => {
      const { epoch, sequence } = partition.watermark;
      reply.headers({
        "aaa-partition": partition.name,
        "aaa-epoch": epoch.toString(),
        "aaa-sequence": sequence.toString(),
      });
      const refusal = refusalOf(partition) ?? regressOf(partition, minSequenceOf(headers["aaa-min-sequence"]));
      if (refusal === null) return;
      reply.header("retry-after", RETRY_AFTER_SECONDS);
      throw refusal;
    });

    app.post<{ Body: Type.Static<typeof ChallengeRequest> }>(
      "/v1/authenticate/challenge",
      { schema: { body: ChallengeRequest } },
      async ({ body: { deviceId, clientFirst } }) => {
        const first = parseClientFirst(clientFirst) ?? refuseMessage("clientFirst", "n,,n=<subscriberId>,r=<nonce>");
        const { subscriberId, nonce } = first;
        const { subscriber } = await readAccount(pool, subscriberId, deviceId);
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
        const account = await readAccount(pool, subscriberId, deviceId);
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

    app.post<{ Body: Type.Static<typeof AuthorizeRequest> }>(
      "/v1/authorize",
      { schema: { body: AuthorizeRequest } },
      async ({ body: { accessToken, service } }) => {
        const { subscriberId, deviceId } = await identityOf(keys, accessToken, now());
        const [account, entitlements] = await Promise.all([
          readAccount(pool, subscriberId, deviceId),
          readEntitlements(pool, subscriberId, service),
        ]);
        const decision = decideAccess(account, entitlements, subscriberId, now());
        metrics.authorizations.inc({ reason: decision.reason });
        return decision;
      },
    );
  };
}

/** Where this node is in the stream, for the operator and for people. */
export function partitionRoute(pool: pg.Pool, partition: Partition): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.get("/v1/partition", async () => {
      const databaseVersion = await readDatabaseVersion(pool);
      if (!partition.located) throw new Problem(503, "starting", "this node has not read its database yet; ask again");
      return {
        name: partition.name,
        queue: partition.queue,
        epoch: partition.watermark.epoch.toString(),
        sequence: partition.watermark.sequence.toString(),
        digest: digestText(partition.digest),
        differs: partition.differs,
        lag: partition.lag,
        lagSeconds: partition.lagSeconds,
        behind: partition.behind,
        consuming: partition.consuming,
        synced: partition.synced,
        databaseVersion,
      };
    });
  };
}

function refuseMessage(member: string, form: string): never {
  throw new Problem(400, "invalid-request", "the SCRAM message cannot be read", [`/${member}: must be ${form}`]);
}
