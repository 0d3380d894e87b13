import type { FastifyInstance } from "fastify";
import { authenticationRoutes } from "./authentication/routes.ts";
import { authorizationRoutes } from "./authorization/routes.ts";
import type { Metrics } from "./metrics.ts";
import type { Partition } from "./partition/partition.ts";
import { minSequenceOf, refusalOf, regressOf } from "./partition/staleness.ts";
import { PlaceHeaders } from "./place-headers.ts";
import type { ReadModel } from "./read-model/read-model.ts";
import type { SigningKeys } from "./signing-keys.ts";
import type { Tokens } from "./tokens.ts";

// How often OSS says where the stream is.
const RETRY_AFTER_SECONDS = 5;

export interface BoxDeps {
  readonly keys: SigningKeys;
  readonly tokens: Tokens;
  readonly partition: Partition;
  readonly readModel: ReadModel;
  readonly metrics: Metrics;
  readonly now: () => Date;
}

/** What a set-top box gets from a node. Every answer says which node it is from and how far that was. */
export function boxRoutes(deps: BoxDeps): (app: FastifyInstance) => Promise<void> {
  const { partition, readModel } = deps;
  return async (app) => {
    const placeHeaders = new PlaceHeaders(app, partition.name, () => readModel.place);
    app.addHook("onRequest", ({ headers }, reply, done) => {
      placeHeaders.set(reply);
      const refusal = refusalOf(partition) ?? regressOf(readModel.place, minSequenceOf(headers["aaa-min-sequence"]));
      if (refusal === null) return done();
      reply.header("retry-after", RETRY_AFTER_SECONDS);
      done(refusal);
    });

    authenticationRoutes(app, deps);
    authorizationRoutes(app, deps, placeHeaders);
  };
}
