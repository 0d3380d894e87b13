import type { FastifyInstance, FastifyReply } from "fastify";
import type { BoxDeps } from "../boxes.ts";
import type { PlaceHeaders } from "../place-headers.ts";
import { type Access, accessOf, decideAccess, decideAll } from "./access.ts";
import { AuthorizeAnswer, AuthorizeListAnswer, AuthorizeListRequest, AuthorizeRequest } from "./schemas.ts";

/** Whether a box may use services now. */
export function authorizationRoutes(app: FastifyInstance, deps: BoxDeps, placeHeaders: PlaceHeaders): void {
  const { tokens, readModel, metrics, now } = deps;

  /**
   * Decides from one place of the stream, which the answer's headers name. When what it takes is known, which is nearly always, the answer is no promise: to wait for one would cost as much as to decide.
   */
  const answer = <T>(
    accessToken: string,
    reply: FastifyReply,
    decide: (access: Access, now: number) => T,
  ): T | Promise<T> => {
    const at = now();
    const identity = tokens.identityOf(accessToken, at);
    return readModel.answer((known) => {
      const access = accessOf(known, identity);
      if (access === undefined) return undefined;
      placeHeaders.set(reply);
      return decide(access, at.getTime());
    });
  };

  app.post<{ Body: AuthorizeRequest }>(
    "/v1/authorize",
    { schema: { body: AuthorizeRequest, response: { 200: AuthorizeAnswer } } },
    ({ body: { accessToken, service } }, reply) =>
      answer(accessToken, reply, (access, at) => {
        const decision = decideAccess(access, service, at);
        metrics.authorizations[decision.reason] += 1;
        return decision;
      }),
  );

  app.post<{ Body: AuthorizeListRequest }>(
    "/v1/authorize/list",
    { schema: { body: AuthorizeListRequest, response: { 200: AuthorizeListAnswer } } },
    ({ body: { accessToken, services } }, reply) =>
      answer(accessToken, reply, (access, at) => {
        const decided = decideAll(access, services, at);
        for (const { reason } of decided.decisions) metrics.authorizations[reason] += 1;
        return decided;
      }),
  );
}
