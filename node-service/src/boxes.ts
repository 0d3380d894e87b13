import type { FastifyInstance } from "fastify";
import type pg from "pg";
import { authenticationRoutes } from "./authentication/routes.ts";
import { authorizationRoutes } from "./authorization/routes.ts";
import type { Metrics } from "./metrics.ts";
import type { Partition } from "./partition/partition.ts";
import { minSequenceOf, refusalOf, regressOf } from "./partition/staleness.ts";
import type { SigningKeys } from "./signing-keys.ts";

// How often OSS says where the stream is.
const RETRY_AFTER_SECONDS = 5;

export interface BoxDeps {
  readonly pool: pg.Pool;
  readonly keys: SigningKeys;
  readonly partition: Partition;
  readonly metrics: Metrics;
  readonly now: () => Date;
}

/** What a set-top box gets from a node. Every answer says which node it is from and how far that was. */
export function boxRoutes(deps: BoxDeps): (app: FastifyInstance) => Promise<void> {
  const { partition } = deps;
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

    authenticationRoutes(app, deps);
    authorizationRoutes(app, deps);
  };
}
