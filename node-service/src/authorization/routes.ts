import type { FastifyInstance, FastifyReply } from "fastify";
import type { BoxDeps } from "../boxes.ts";
import type { PlaceHeaders } from "../place-headers.ts";
import { type Access, accessOf, decideAccess, decideAll, holds } from "./access.ts";
import { answerOf, listAnswerOf } from "./answers.ts";
import { AuthorizeListRequest, AuthorizeRequest } from "./schemas.ts";

const JSON_TYPE = "application/json; charset=utf-8";

/** Whether a box may use services now. */
export function authorizationRoutes(app: FastifyInstance, deps: BoxDeps, placeHeaders: PlaceHeaders): void {
  const { tokens, readModel, metrics, now } = deps;

  /**
   * Decides from one place of the stream, which the answer's headers name. When what it takes is known, which is nearly always, the answer is no promise: to wait for one would cost as much as to decide.
   */
  const answer = (
    accessToken: string,
    reply: FastifyReply,
    decide: (access: Access) => string,
  ): string | Promise<string> => {
    const at = now();
    const bearer = tokens.bearerOf(accessToken, at);
    const time = at.getTime();
    return readModel.answer((known) => {
      const { access: former } = bearer;
      const access = former !== null && holds(former, known, time) ? former : accessOf(known, bearer, time);
      if (access === undefined) return undefined;
      bearer.access = access;
      placeHeaders.set(reply);
      reply.header("content-type", JSON_TYPE);
      return decide(access);
    });
  };

  app.post<{ Body: AuthorizeRequest }>(
    "/v1/authorize",
    { schema: { body: AuthorizeRequest } },
    ({ body: { accessToken, service } }, reply) =>
      answer(accessToken, reply, (access) => {
        const decision = decideAccess(access, service);
        metrics.authorizations[decision.reason] += 1;
        return answerOf(decision);
      }),
  );

  app.post<{ Body: AuthorizeListRequest }>(
    "/v1/authorize/list",
    { schema: { body: AuthorizeListRequest } },
    ({ body: { accessToken, services } }, reply) =>
      answer(accessToken, reply, (access) => {
        const decided = decideAll(access, services);
        for (const { reason } of decided.decisions) metrics.authorizations[reason] += 1;
        return listAnswerOf(decided);
      }),
  );
}
