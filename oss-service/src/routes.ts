import { createHash, timingSafeEqual } from "node:crypto";
import { type EntityName, eventTypeOf } from "@aaa-cluster/contract";
import { Problem } from "@aaa-cluster/service-kit";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type pg from "pg";
import { type Change, keyOf, type OutboxBody, type Stored } from "./change.ts";
import { fingerprintOf, type IdempotentRequest, idempotencyKeyOf } from "./idempotency.ts";
import { lineToChange, toChange } from "./inputs.ts";
import { mergePatch } from "./merge-patch.ts";
import type { Metrics } from "./metrics.ts";
import { checkPreconditions, etagOf, isNotModified, type Preconditions, preconditionsOf } from "./preconditions.ts";
import type { RelayDuty } from "./relay.ts";
import { readStream } from "./sql.ts";
import { type Existing, existing, read, type Write, type WriteRequest, write } from "./store.ts";

const BULK_BYTES = 16 * 1024 * 1024;
const BULK_LINES = 10_000;
const ERRORS_SHOWN = 100;
const MERGE_PATCH = "application/merge-patch+json";

const collections: Record<string, EntityName> = {
  subscribers: "Subscriber",
  devices: "Device",
  productOfferings: "ProductOffering",
  entitlements: "Entitlement",
};

interface Entity {
  Params: { id: string };
}

type Decide = (before: Stored, preconditions: Preconditions) => ReturnType<Write["decide"]>;

export interface RouteDeps {
  readonly pool: pg.Pool;
  readonly apiToken: string;
  readonly metrics: Metrics;
}

/** The provisioning API, for callers with the bearer token. A 2xx means: committed, and every node will get it. */
export function provisioningRoutes({ pool, apiToken, metrics }: RouteDeps): (app: FastifyInstance) => Promise<void> {
  const commit = async <T>(request: WriteRequest<T>): Promise<T> => {
    const { answer, written } = await write(pool, request, new Date());
    for (const { entity } of written?.events ?? []) metrics.changes.inc({ entity });
    return answer;
  };
  const idempotent = ({ method, url, headers, body }: FastifyRequest): IdempotentRequest | null => {
    const key = idempotencyKeyOf(headers);
    if (key === null) return null;
    const parts = [method, url, headers["if-match"], headers["if-none-match"], body];
    return { key, part: 0, fingerprint: fingerprintOf(apiToken, parts) };
  };

  return async (app) => {
    app.addHook("onRequest", async (request) => requireToken(request, apiToken));
    const jsonParser = app.getDefaultJsonParser("error", "error");
    app.addContentTypeParser(MERGE_PATCH, { parseAs: "string" }, jsonParser);
    app.addContentTypeParser("application/x-ndjson", { parseAs: "string" }, (_request, body, done) => done(null, body));

    for (const [collection, entity] of Object.entries(collections)) {
      const url = `/v1/${collection}/:id`;

      app.get<Entity>(url, async ({ params: { id }, headers }, reply) => {
        const stored = await read(pool, { entity, id });
        reply.header("etag", etagOf(stored.version));
        if (isNotModified(preconditionsOf(headers), stored)) return reply.code(304).send();
        return { id, version: stored.version.toString(), ...shown(stored) };
      });

      const change = (request: FastifyRequest<Entity>, prepare: () => Promise<Decide>): Promise<EntityAnswer> => {
        const { id } = request.params;
        const preconditions = preconditionsOf(request.headers);
        return commit({
          idempotent: idempotent(request),
          prepare: async () => {
            const decide = await prepare();
            return [{ entity, id, decide: (before) => decide(before, preconditions) }];
          },
          answer: ({ events: [event], sequence }) => answerTo(event as OutboxBody, sequence),
        });
      };

      app.put<Entity>(url, async (request, reply) => {
        const { id } = request.params;
        const answer = await change(request, async () => {
          const { payload } = await toChange(entity, id, request.body ?? {}, new Date());
          return (before, preconditions) => {
            checkPreconditions(preconditions, { entity, id }, before);
            return payload;
          };
        });
        return send(reply, answer);
      });

      app.patch<Entity>(url, async (request, reply) => {
        const { id } = request.params;
        requireMergePatch(request);
        const answer = await change(request, async () => async (before, preconditions) => {
          const there = existing({ entity, id }, before);
          checkPreconditions(preconditions, { entity, id }, there);
          return (await toChange(entity, id, mergePatch(shown(there), request.body), new Date())).payload;
        });
        return send(reply, answer);
      });

      app.delete<Entity>(url, async (request, reply) => {
        const { id } = request.params;
        const answer = await change(request, async () => (before, preconditions) => {
          checkPreconditions(preconditions, { entity, id }, existing({ entity, id }, before));
          return null;
        });
        return send(reply, answer);
      });
    }

    app.post("/v1/bulk", { bodyLimit: BULK_BYTES }, async (request) => {
      const { body } = request;
      if (typeof body !== "string") {
        throw new Problem(415, "not-ndjson", "send one JSON object per line with content-type application/x-ndjson");
      }
      return commit({
        idempotent: idempotent(request),
        prepare: async () => (await readLines(body)).map((change) => ({ ...change, decide: () => change.payload })),
        answer: ({ events, sequence }) => {
          const deleted = events.filter(({ payload }) => payload === null).length;
          const created = events.filter(({ eventType }) => eventType.endsWith("CreateEvent")).length;
          return { accepted: events.length, created, changed: events.length - created - deleted, deleted, sequence };
        },
      });
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

/** What of an entity is shown: all but the credential, which is write-only. */
function shown({ payload: { credential: _, ...payload } }: Existing): Record<string, unknown> {
  return payload;
}

/** The answer to a change of one entity. */
interface EntityAnswer {
  readonly status: number;
  readonly etag: string | null;
  readonly body: { readonly id: string; readonly version: string; readonly sequence: string };
}

function answerTo(
  { entity, entityId: id, entityVersion: version, ...event }: OutboxBody,
  sequence: string,
): EntityAnswer {
  return {
    status: event.eventType === eventTypeOf(entity, "Create") ? 201 : 200,
    etag: event.payload === null ? null : etagOf(version),
    body: { id, version, sequence },
  };
}

function send(reply: FastifyReply, { status, etag, body }: EntityAnswer): object {
  if (etag !== null) reply.header("etag", etag);
  reply.code(status);
  return body;
}

function requireMergePatch({ headers, body }: FastifyRequest): void {
  if (headers["content-type"]?.split(";")[0]?.trim().toLowerCase() !== MERGE_PATCH) {
    throw new Problem(415, "not-a-merge-patch", `send the members to change with content-type ${MERGE_PATCH}`);
  }
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return;
  throw new Problem(400, "invalid-request", 'send a JSON object, for example {"status":"suspended"}');
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
