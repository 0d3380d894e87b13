import { authenticationRoutes } from "./authentication/routes.ts";
import { authorizationRoutes } from "./authorization/routes.ts";
import type { BoxRoutes } from "./box-http/route.ts";
import type { Metrics } from "./metrics.ts";
import type { Partition } from "./partition/partition.ts";
import { minSequenceOf, refusalOf, regressOf } from "./partition/staleness.ts";
import { PlaceHeaders } from "./place-headers.ts";
import type { ReadModel } from "./read-model/read-model.ts";
import type { SigningKeys } from "./signing-keys.ts";
import type { Tokens } from "./tokens.ts";

export interface BoxDeps {
  readonly keys: SigningKeys;
  readonly tokens: Tokens;
  readonly partition: Partition;
  readonly readModel: ReadModel;
  readonly metrics: Metrics;
  readonly now: () => Date;
}

/** How a set-top box is admitted and authorized. Every answer says which node it is from and how far that was. */
export function boxRoutes(deps: BoxDeps): BoxRoutes {
  const { partition, readModel } = deps;
  const placeHeaders = new PlaceHeaders(partition.name, () => readModel.place);
  return {
    hasQueue: false,
    refusal: (headers) =>
      refusalOf(partition) ?? regressOf(readModel.place, minSequenceOf(headers["aaa-min-sequence"])),
    head: () => placeHeaders.now,
    routes: [...authenticationRoutes(deps), ...authorizationRoutes(deps, placeHeaders)],
  };
}
