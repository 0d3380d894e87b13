import { createHash, timingSafeEqual } from "node:crypto";
import { Readable } from "node:stream";
import { type EntityName, eventTypeOf } from "@aaa-cluster/contract";
import { type Logger, Problem, problemOf } from "@aaa-cluster/service-kit";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type pg from "pg";
import Type, { type TSchema } from "typebox";
import { openApiDocument } from "./api/openapi.ts";
import * as api from "./api/operations.ts";
import type { BulkAnswer, ChangeAnswer, RelayState } from "./api/schemas.ts";
import { type BulkWrite, commitAll, commitInChunks } from "./bulk.ts";
import { LINE_LENGTH } from "./bulk-lines.ts";
import type { OutboxBody, Stored } from "./change.ts";
import { GroupCommit } from "./group-commit.ts";
import { fingerprintOf, type IdempotentRequest, idempotencyKeyOf } from "./idempotency.ts";
import { toPayload } from "./inputs.ts";
import { mergePatch } from "./merge-patch.ts";
import type { Metrics } from "./metrics.ts";
import { checkPreconditions, etagOf, isNotModified, type Preconditions, preconditionsOf } from "./preconditions.ts";
import type { RelayDuty } from "./relay.ts";
import { readStream } from "./sql.ts";
import { type Existing, existing, read, type Write, type WriteRequest } from "./store.ts";

// A caller that reads the answer only when it has sent everything must not block itself before so many bytes of it.
const UNREAD_ANSWERS = 16 * 1024 * 1024;

export interface RouteDeps {
  readonly pool: pg.Pool;
  readonly apiToken: string;
  readonly metrics: Metrics;
  readonly log: Logger;
}

type Handler = (request: FastifyRequest<{ Params: { id: string } }>, reply: FastifyReply) => Promise<unknown>;

type Commit = <T>(request: WriteRequest<T>) => Promise<T>;

/** What makes a request the same one when it is sent again; null when it came without a key. Throws Problem 400. */
type Identify = (request: FastifyRequest, content: unknown, part?: number) => IdempotentRequest | null;

/** The provisioning API, for callers with the bearer token. A 2xx means: committed, and every node will get it. */
export function provisioningRoutes({
  pool,
  apiToken,
  metrics,
  log,
}: RouteDeps): (app: FastifyInstance) => Promise<void> {
  const groups = new GroupCommit(pool);
  const commit: Commit = async (request) => {
    const now = new Date();
    const since = performance.now();
    const { answer, written } = await groups.write(request, now);
    if (written !== null) metrics.commitSeconds.observe((performance.now() - since) / 1000);
    for (const { entity } of written?.events ?? []) metrics.changes.inc({ entity });
    return answer;
  };
  const identify: Identify = ({ method, url, headers }, content, part = 0) => {
    const key = idempotencyKeyOf(headers);
    if (key === null) return null;
    const parts = [method, url, headers["if-match"], headers["if-none-match"], content];
    return { key, part, fingerprint: fingerprintOf(apiToken, parts) };
  };

  return async (app) => {
    app.addHook("onRequest", async (request) => requireToken(request, apiToken));
    app.addContentTypeParser(api.MERGE_PATCH, { parseAs: "string" }, app.getDefaultJsonParser("error", "error"));
    for (const entity of Object.keys(api.collections) as EntityName[]) {
      entityRoutes(app, entity, pool, commit, identify);
    }
    await app.register(bulkRoute(commit, identify, log));
    register(app, api.stream, () => readStream(pool));
  };
}

/** Whether this instance relays, and how many events are not known to be published, for the operator and for people. */
export function relayRoute(pool: pg.Pool, instance: string, duty: RelayDuty): (app: FastifyInstance) => Promise<void> {
  return async (app) =>
    register(app, api.relay, async (): Promise<RelayState> => {
      const { sequence, published } = await readStream(pool);
      return { relaying: duty.relaying, instance, outbox: Number(BigInt(sequence) - BigInt(published)) };
    });
}

/** What the API takes and answers, as an OpenAPI document. */
export async function openApiRoute(app: FastifyInstance): Promise<void> {
  const document = openApiDocument();
  register(app, api.openapi, async () => document);
}

/**
 * Serves an operation, with its parameters in path and query validated. Bodies are validated by what reads them, as lines of
 * a bulk request and merged entities are too.
 */
export function register(app: FastifyInstance, { method, path, parameters }: api.Operation, handler: Handler): void {
  const schemasIn = (place: "path" | "query"): readonly [string, TSchema][] =>
    parameters.flatMap((name) => (api.parameters[name].in === place ? [[name, api.parameters[name].schema]] : []));
  const params = Type.Object(Object.fromEntries(schemasIn("path")));
  const query = schemasIn("query").map(([name, schema]) => [name, Type.Optional(schema)]);
  const querystring = Type.Object(Object.fromEntries(query), { additionalProperties: false });
  const schema = query.length === 0 ? { params } : { params, querystring };
  const url = path.replaceAll(/\{(\w+)\}/g, ":$1");
  // An entity may be as large by itself as on a line.
  app.route({ method, url, schema, bodyLimit: LINE_LENGTH, handler: handler as never });
}

/** What an entity shall be, given what it is. Throws Problem. */
type Decide = (before: Stored, preconditions: Preconditions) => ReturnType<Write["decide"]>;

function entityRoutes(
  app: FastifyInstance,
  entity: EntityName,
  pool: pg.Pool,
  commit: Commit,
  identify: Identify,
): void {
  const operations = api.operationsOf(entity);

  const change = async (
    request: Parameters<Handler>[0],
    reply: FastifyReply,
    prepare: () => Promise<Decide>,
  ): Promise<ChangeAnswer> => {
    const { id } = request.params;
    const preconditions = preconditionsOf(request.headers);
    const { status, etag, body } = await commit({
      idempotent: identify(request, request.body),
      prepare: async () => {
        const decide = await prepare();
        return [{ entity, id, decide: (before) => decide(before, preconditions) }];
      },
      answer: ({ events: [event], sequence }) => answerTo(event as OutboxBody, sequence),
    });
    if (etag !== null) reply.header("etag", etag);
    reply.code(status);
    return body;
  };

  register(app, operations.read, async ({ params: { id }, headers }, reply) => {
    const stored = await read(pool, { entity, id });
    reply.header("etag", etagOf(stored.version));
    if (isNotModified(preconditionsOf(headers), stored)) return reply.code(304).send();
    return { id, version: stored.version.toString(), ...shown(stored) };
  });

  register(app, operations.put, (request, reply) =>
    change(request, reply, async () => {
      const payload = await toPayload(entity, request.body, new Date());
      return (before, preconditions) => {
        checkPreconditions(preconditions, { entity, id: request.params.id }, before);
        return payload;
      };
    }),
  );

  register(app, operations.patch, async (request, reply) => {
    requireMergePatch(request);
    const reference = { entity, id: request.params.id };
    return change(request, reply, async () => (before, preconditions) => {
      const there = existing(reference, before);
      checkPreconditions(preconditions, reference, there);
      return toPayload(entity, mergePatch(shown(there), request.body), new Date());
    });
  });

  register(app, operations.delete, (request, reply) => {
    const reference = { entity, id: request.params.id };
    return change(request, reply, async () => (before, preconditions) => {
      checkPreconditions(preconditions, reference, existing(reference, before));
      return null;
    });
  });
}

/** The answer to a change of one entity. */
interface EntityAnswer {
  readonly status: number;
  readonly etag: string | null;
  readonly body: ChangeAnswer;
}

function answerTo(event: OutboxBody, sequence: string): EntityAnswer {
  const { entity, entityId: id, entityVersion: version, eventType, payload } = event;
  return {
    status: eventType === eventTypeOf(entity, "Create") ? 201 : 200,
    etag: payload === null ? null : etagOf(version),
    body: { id, version, sequence },
  };
}

/** What of an entity is shown: all but the credential, which is write-only. */
function shown({ payload: { credential: _, ...payload } }: Existing): Record<string, unknown> {
  return payload;
}

function requireMergePatch({ headers, body }: FastifyRequest): void {
  if (headers["content-type"]?.split(";")[0]?.trim().toLowerCase() !== api.MERGE_PATCH) {
    throw new Problem(415, "not-a-merge-patch", `send the members to change with content-type ${api.MERGE_PATCH}`);
  }
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return;
  throw new Problem(400, "invalid-request", 'send a JSON object, for example {"status":"suspended"}');
}

/**
 * The bulk route. By default all lines are committed or none; a caller that accepts NDJSON as the answer sends as many
 * as it likes, which are committed chunk by chunk.
 */
function bulkRoute(commit: Commit, identify: Identify, log: Logger): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    let stopping = false;
    app.addHook("preClose", async () => {
      stopping = true;
    });
    app.addContentTypeParser(api.NDJSON, (_request, body, done) => done(null, body));

    register(app, api.bulk, async (request, reply) => {
      const { body, headers } = request;
      if (!(body instanceof Readable)) {
        throw new Problem(415, "not-ndjson", `send one JSON object per line with content-type ${api.NDJSON}`);
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
      const inChunks = accepts(headers.accept, api.NDJSON);
      const commitLines = ({ text, part, prepare, answer }: BulkWrite): Promise<BulkAnswer> =>
        commit({ idempotent: identify(request, [inChunks, text], part), prepare, answer });
      if (!inChunks) return commitAll(bytes, commitLines);
      // Read before the headers of the answer are sent, so that a bad key is refused with a status of its own.
      idempotencyKeyOf(headers);
      const problemWith = (error: unknown): Problem => problemOf(error, log, request.routeOptions.url);
      const answers = toLines(commitInChunks(bytes, commitLines, () => stopping, problemWith));
      return reply.type(api.NDJSON).send(Readable.from(answers, { objectMode: false, highWaterMark: UNREAD_ANSWERS }));
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

/** Throws Problem 401 unless the request has the API's bearer token. */
export function requireToken(request: FastifyRequest, expected: string): void {
  const given = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
  // Hashes have the same length, so the comparison takes the same time whatever was sent.
  const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
  if (timingSafeEqual(hash(given), hash(expected))) return;
  throw new Problem(401, "unauthorized", "send the provisioning API's token as: authorization: Bearer <token>");
}
