import { createHash, timingSafeEqual } from "node:crypto";
import { Readable } from "node:stream";
import { type EntityName, eventTypeOf } from "@aaa-cluster/contract";
import { Problem, problemOf } from "@aaa-cluster/service-kit";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type pg from "pg";
import { type BulkAnswer, type BulkWrite, commitAll, commitInChunks } from "./bulk.ts";
import type { OutboxBody, Stored } from "./change.ts";
import { fingerprintOf, type IdempotentRequest, idempotencyKeyOf } from "./idempotency.ts";
import { toChange } from "./inputs.ts";
import { mergePatch } from "./merge-patch.ts";
import type { Metrics } from "./metrics.ts";
import { checkPreconditions, etagOf, isNotModified, type Preconditions, preconditionsOf } from "./preconditions.ts";
import type { RelayDuty } from "./relay.ts";
import { readStream } from "./sql.ts";
import { type Existing, existing, read, type Write, type WriteRequest, write } from "./store.ts";

const NDJSON = "application/x-ndjson";
// A caller that reads the answer only when it has sent everything must not block itself before so many bytes of it.
const UNREAD_ANSWERS = 16 * 1024 * 1024;
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

type Commit = <T>(request: WriteRequest<T>) => Promise<T>;

/** What makes a request the same one when it is sent again; null when it came without a key. Throws Problem 400. */
type Identify = (request: FastifyRequest, content: unknown, part?: number) => IdempotentRequest | null;

type Decide = (before: Stored, preconditions: Preconditions) => ReturnType<Write["decide"]>;

export interface RouteDeps {
  readonly pool: pg.Pool;
  readonly apiToken: string;
  readonly metrics: Metrics;
}

/** The provisioning API, for callers with the bearer token. A 2xx means: committed, and every node will get it. */
export function provisioningRoutes({ pool, apiToken, metrics }: RouteDeps): (app: FastifyInstance) => Promise<void> {
  const commit: Commit = async (request) => {
    const { answer, written } = await write(pool, request, new Date());
    for (const { entity } of written?.events ?? []) metrics.changes.inc({ entity });
    return answer;
  };
  const idempotent: Identify = ({ method, url, headers }, content, part = 0) => {
    const key = idempotencyKeyOf(headers);
    if (key === null) return null;
    const parts = [method, url, headers["if-match"], headers["if-none-match"], content];
    return { key, part, fingerprint: fingerprintOf(apiToken, parts) };
  };

  return async (app) => {
    app.addHook("onRequest", async (request) => requireToken(request, apiToken));
    const jsonParser = app.getDefaultJsonParser("error", "error");
    app.addContentTypeParser(MERGE_PATCH, { parseAs: "string" }, jsonParser);

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
          idempotent: idempotent(request, request.body),
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

    await app.register(bulkRoute(commit, idempotent));

    app.get("/v1/stream", () => readStream(pool));
  };
}

/**
 * The bulk route. By default all lines are committed or none; a caller that accepts NDJSON as the answer sends as many
 * as it likes, which are committed chunk by chunk.
 */
function bulkRoute(commit: Commit, identify: Identify): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    let stopping = false;
    app.addHook("preClose", async () => {
      stopping = true;
    });
    app.addContentTypeParser(NDJSON, (_request, body, done) => done(null, body));

    app.post("/v1/bulk", async (request, reply) => {
      const { body, headers } = request;
      if (!(body instanceof Readable)) {
        throw new Problem(415, "not-ndjson", `send one JSON object per line with content-type ${NDJSON}`);
      }
      reply.raw.once("finish", () => {
        // Whoever sends on after the answer is heard out, or would lose the answer with the connection.
        body.resume();
        // Its headers may have gone out before anybody knew that the connection is not to be kept.
        if (stopping) request.socket.end();
      });
      if (headers["if-match"] !== undefined || headers["if-none-match"] !== undefined) {
        const advice = "send it without, or change the entity with PUT, PATCH or DELETE";
        throw new Problem(400, "invalid-header", `a bulk request takes no If-Match and no If-None-Match; ${advice}`);
      }
      const bytes = body.iterator({ destroyOnReturn: false });
      const inChunks = accepts(headers.accept, NDJSON);
      const commitLines = ({ text, part, prepare, answer }: BulkWrite): Promise<BulkAnswer> =>
        commit({ idempotent: identify(request, [inChunks, text], part), prepare, answer });
      if (!inChunks) return commitAll(bytes, commitLines);
      // Read before the headers of the answer are sent, so that a bad key is refused with a status of its own.
      idempotencyKeyOf(headers);
      const problemWith = (error: unknown): Problem => problemOf(error, request.log, request.url);
      const answers = toLines(commitInChunks(bytes, commitLines, () => stopping, problemWith));
      return reply.type(NDJSON).send(Readable.from(answers, { objectMode: false, highWaterMark: UNREAD_ANSWERS }));
    });
  };
}

async function* toLines(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}

/** Whether an `Accept` header names a media type itself; a wildcard does not. */
function accepts(accept: string | undefined, type: string): boolean {
  return (accept ?? "").split(",").some((range) => range.split(";")[0]?.trim().toLowerCase() === type);
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

/** Throws Problem 401 unless the request has the API's bearer token. */
export function requireToken(request: FastifyRequest, expected: string): void {
  const given = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
  // Hashes have the same length, so the comparison takes the same time whatever was sent.
  const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
  if (timingSafeEqual(hash(given), hash(expected))) return;
  throw new Problem(401, "unauthorized", "send the provisioning API's token as: authorization: Bearer <token>");
}
