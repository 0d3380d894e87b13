import type { FastifyInstance } from "fastify";
import type pg from "pg";
import { accountingRecords } from "../api/operations.ts";
import { register, requireToken } from "../routes.ts";
import { readRecords } from "./storage.ts";

const PAGE = 100;

interface RecordsQuery {
  readonly subscriberId?: string;
  readonly deviceId?: string;
  readonly cursor?: string;
}

/** The accounting records, newest first, for callers with the bearer token. */
export function accountingRoutes(pool: pg.Pool, apiToken: string): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.addHook("onRequest", async (request) => requireToken(request, apiToken));
    register(app, accountingRecords, async ({ query }) => {
      const { cursor = null, ...filter } = query as RecordsQuery;
      return readRecords(pool, filter, cursor, PAGE);
    });
  };
}
