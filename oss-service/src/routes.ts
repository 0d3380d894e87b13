import { createHash, timingSafeEqual } from "node:crypto";
import type { EntityName } from "@aaa-cluster/contract";
import { Problem } from "@aaa-cluster/service-kit";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type pg from "pg";
import { type Change, keyOf } from "./change.ts";
import { lineToChange, toChange } from "./inputs.ts";
import type { Metrics } from "./metrics.ts";
import type { RelayDuty } from "./relay.ts";
import { readStream } from "./sql.ts";
import { read, type Written, write } from "./store.ts";

const BULK_BYTES = 16 * 1024 * 1024;
const BULK_LINES = 10_000;
const ERRORS_SHOWN = 100;

const collections: Record<string, EntityName> = {
  subscribers: "Subscriber",
  devices: "Device",
  productOfferings: "ProductOffering",
  entitlements: "Entitlement",
};

export interface RouteDeps {
  readonly pool: pg.Pool;
  readonly apiToken: string;
  readonly metrics: Metrics;
}

/** The provisioning API, for callers with the bearer token. A 2xx means: committed, and every node will get it. */
export function provisioningRoutes({ pool, apiToken, metrics }: RouteDeps): (app: FastifyInstance) => Promise<void> {
  const commit = async (changes: readonly Change[]): Promise<Written> => {
    const written = await write(pool, changes, new Date());
    for (const { entity } of written.events) metrics.changes.inc({ entity });
    return written;
  };

  return async (app) => {
    app.addHook("onRequest", async (request) => requireToken(request, apiToken));
    app.addContentTypeParser("application/x-ndjson", { parseAs: "string" }, (_request, body, done) => done(null, body));

    for (const [collection, entity] of Object.entries(collections)) {
      app.get<{ Params: { id: string } }>(`/v1/${collection}/:id`, async ({ params }) => {
        const stored = await read(pool, entity, params.id);
        if (stored === null) throw new Problem(404, "no-such-entity", `there is no ${entity}/${params.id}`);
        // The credential is write-only.
        const { credential: _, ...payload } = stored.payload ?? {};
        return { id: params.id, version: stored.version.toString(), ...payload };
      });
      app.put<{ Params: { id: string } }>(`/v1/${collection}/:id`, async ({ params, body }, reply) => {
        const input = body ?? {};
        const { events, sequence } = await commit([await toChange(entity, params.id, input, new Date())]);
        const created = events[0]?.eventType === `${entity}CreateEvent`;
        return reply.code(created ? 201 : 200).send({ id: params.id, version: events[0]?.entityVersion, sequence });
      });
      app.delete<{ Params: { id: string } }>(`/v1/${collection}/:id`, async ({ params }) => {
        const { events, sequence } = await commit([{ entity, id: params.id, payload: null }]);
        return { id: params.id, version: events[0]?.entityVersion, sequence };
      });
    }

    app.post("/v1/bulk", { bodyLimit: BULK_BYTES }, async ({ body }) => {
      if (typeof body !== "string") {
        throw new Problem(415, "not-ndjson", "send one JSON object per line with content-type application/x-ndjson");
      }
      const changes = await readLines(body);
      const { events, sequence } = await commit(changes);
      const deleted = events.filter(({ payload }) => payload === null).length;
      const created = events.filter(({ eventType }) => eventType.endsWith("CreateEvent")).length;
      return { accepted: events.length, created, changed: events.length - created - deleted, deleted, sequence };
    });

    app.get("/v1/stream", () => readStream(pool));
  };
}

/** Whether this instance relays, and how many events are not known to be published, for the operator and for people. */
export function relayRoute(pool: pg.Pool, instance: string, duty: RelayDuty): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.get("/v1/relay", async () => {
      const { sequence, published } = await readStream(pool);
      return { relaying: duty.relaying, instance, outbox: Number(BigInt(sequence) - BigInt(published)) };
    });
  };
}

/** All lines of a bulk request as changes. Throws one Problem with every line that is wrong; then none is applied. */
async function readLines(body: string): Promise<Change[]> {
  const lines = body.split("\n").flatMap((text, index) => (text.trim() === "" ? [] : [{ text, number: index + 1 }]));
  if (lines.length === 0) throw new Problem(400, "empty-request", "the request has no lines");
  if (lines.length > BULK_LINES) {
    throw new Problem(413, "too-many-lines", `send at most ${BULK_LINES} lines in one request`);
  }
  const now = new Date();
  const read = await Promise.all(lines.map(async (line) => ({ ...line, ...(await readLine(line.text, now)) })));
  const firstLine = new Map<string, number>();
  const changes: Change[] = [];
  const errors: string[] = [];
  for (const { number, change, error } of read) {
    if (change === null) {
      errors.push(`line ${number}: ${error}`);
      continue;
    }
    const earlier = firstLine.get(keyOf(change));
    if (earlier !== undefined) errors.push(`line ${number}: ${keyOf(change)} is on line ${earlier} too; send it once`);
    firstLine.set(keyOf(change), number);
    changes.push(change);
  }
  if (errors.length === 0) return changes;
  throw new Problem(
    400,
    "invalid-lines",
    `${errors.length} of ${lines.length} lines are wrong; nothing was applied`,
    errors.slice(0, ERRORS_SHOWN),
  );
}

type ReadLine = { readonly change: Change; readonly error: null } | { readonly change: null; readonly error: string };

async function readLine(text: string, now: Date): Promise<ReadLine> {
  try {
    return { change: await lineToChange(text, now), error: null };
  } catch (error) {
    if (error instanceof Problem) return { change: null, error: error.errors.join("; ") };
    throw error;
  }
}

/** Throws Problem 401 unless the request has the API's bearer token. */
export function requireToken(request: FastifyRequest, expected: string): void {
  const given = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
  // Hashes have the same length, so the comparison takes the same time whatever was sent.
  const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
  if (timingSafeEqual(hash(given), hash(expected))) return;
  throw new Problem(401, "unauthorized", "send the provisioning API's token as: authorization: Bearer <token>");
}
