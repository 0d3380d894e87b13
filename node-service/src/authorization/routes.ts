import type { FastifyInstance } from "fastify";
import Type from "typebox";
import type { BoxDeps } from "../boxes.ts";
import { readAccount, readEntitlements } from "../reads.ts";
import { AccessToken, identityOf } from "../signing-keys.ts";
import { decideAccess } from "./access.ts";

export const AuthorizeRequest = Type.Object(
  {
    accessToken: AccessToken,
    // PostgreSQL has no U+0000 and no half of a surrogate pair.
    service: Type.String({ minLength: 1, maxLength: 128, pattern: "^[^\\u0000\\ud800-\\udfff]+$" }),
  },
  { additionalProperties: false },
);

/** Whether a box may use a service now. */
export function authorizationRoutes(app: FastifyInstance, { pool, keys, metrics, now }: BoxDeps): void {
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
}
