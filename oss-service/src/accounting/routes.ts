import { Identifier } from "@aaa-cluster/contract";
import type { FastifyInstance } from "fastify";
import type pg from "pg";
import Type from "typebox";
import { requireToken } from "../routes.ts";
import { readRecords } from "./storage.ts";

const PAGE = 100;

const RecordsQuery = Type.Object(
  {
    subscriberId: Type.Optional(Identifier),
    deviceId: Type.Optional(Identifier),
    cursor: Type.Optional(Type.String({ pattern: "^[1-9][0-9]{0,17}$" })),
  },
  { additionalProperties: false },
);

/** The accounting records, newest first, for callers with the bearer token. */
export function accountingRoutes(pool: pg.Pool, apiToken: string): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.addHook("onRequest", async (request) => requireToken(request, apiToken));
    app.get<{ Querystring: Type.Static<typeof RecordsQuery> }>(
      "/v1/accountingRecords",
      { schema: { querystring: RecordsQuery } },
      ({ query: { cursor = null, ...filter } }) => readRecords(pool, filter, cursor, PAGE),
    );
  };
}
