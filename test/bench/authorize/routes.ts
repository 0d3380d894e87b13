import { AuthorizeAnswer, AuthorizeRequest } from "../../../node-service/src/authorization/schemas.ts";
import type { Routes } from "../boxes/bare-main.ts";
import { SERVICE } from "../boxes/population.ts";

/** The route of a node, with the same schemas and an answer as long as a node's, for which nothing is looked up. */
export const routes: Routes = (app) => {
  app.post("/v1/authorize", { schema: { body: AuthorizeRequest, response: { 200: AuthorizeAnswer } } }, () => ANSWER);
};

const ANSWER = {
  decision: "Permit",
  reason: "Entitled",
  entitlement: {
    id: "entitlement-12345",
    subscriberId: "subscriber-12345",
    productOfferingId: "basic",
    validFrom: "2026-01-01T00:00:00.000Z",
    status: "active",
  },
} as const;

/** What every box asks. */
export const requestOf = (accessToken: string): object => ({ accessToken, service: SERVICE });
