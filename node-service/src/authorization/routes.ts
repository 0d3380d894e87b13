import { type BoxRoute, boxRoute, type Reply } from "../box-http/route.ts";
import type { BoxDeps } from "../boxes.ts";
import type { PlaceHeaders } from "../place-headers.ts";
import { type Access, accessOf, decideAccess, decideAll, holds } from "./access.ts";
import { answerOf, listAnswerOf } from "./answers.ts";
import { AuthorizeListRequest, AuthorizeRequest } from "./schemas.ts";

/** Whether a box may use services now. */
export function authorizationRoutes(deps: BoxDeps, placeHeaders: PlaceHeaders): BoxRoute[] {
  const { tokens, readModel, metrics, now } = deps;

  /**
   * Decides from one place of the stream, which the answer's headers name. When what it takes is known, which is nearly always,
   * the answer is no promise: to wait for one would cost as much as to decide.
   */
  const answer = (accessToken: string, reply: Reply, decide: (access: Access) => string): string | Promise<string> => {
    const at = now();
    const bearer = tokens.bearerOf(accessToken, at);
    const time = at.getTime();
    return readModel.answer((known) => {
      const { access: former } = bearer;
      const access = former !== null && holds(former, known, time) ? former : accessOf(known, bearer, time);
      if (access === undefined) return undefined;
      bearer.access = access;
      reply.head = placeHeaders.now;
      return decide(access);
    });
  };

  return [
    boxRoute("/v1/authorize", AuthorizeRequest, ({ accessToken, service }, reply) =>
      answer(accessToken, reply, (access) => {
        const decision = decideAccess(access, service);
        metrics.authorizations[decision.reason] += 1;
        return answerOf(decision);
      }),
    ),
    boxRoute("/v1/authorize/list", AuthorizeListRequest, ({ accessToken, services }, reply) =>
      answer(accessToken, reply, (access) => {
        const decided = decideAll(access, services);
        for (const { reason } of decided.decisions) metrics.authorizations[reason] += 1;
        return listAnswerOf(decided);
      }),
    ),
  ];
}
