import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from "fastify";
import type { Registry } from "prom-client";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { isDatabaseAway } from "./database.ts";
import type { Drain } from "./drain.ts";
import { type HttpLimits, refuseClient, STREAMING, serverOptions } from "./http-limits.ts";
import type { Logger } from "./log.ts";
import { Problem } from "./problem.ts";

export interface HttpOptions {
  readonly log: Logger;
  readonly registry: Registry;
  /** Says when the service is about to end. */
  readonly drain: Drain;
  /** Why the service cannot serve now, or null when it can. */
  readonly notReady: () => Promise<string | null>;
  readonly describeErrors: DescribeErrors;
  /** By default those of a service that is sent long streams. */
  readonly limits?: HttpLimits;
  /** Whoever is asked before fastify is: by default nobody. */
  readonly ahead?: Ahead;
}

/** Answers some requests without fastify, where that would take longer than the answer. */
export interface Ahead {
  /** The class of all requests of the server. */
  readonly IncomingMessage?: typeof IncomingMessage;
  /** Takes a request, or leaves it and returns false. */
  take(request: IncomingMessage, response: ServerResponse): boolean;
}

/** Turns validation errors of a TypeBox schema into lines for the caller. */
export type DescribeErrors = (errors: ReturnType<ReturnType<typeof Compile>["Errors"]>) => string[];

/**
 * An HTTP server with what every service has: /livez, /readyz, /metrics, TypeBox validation, problem answers. Fastify is given no
 * log: with one it listens to the end of every request.
 */
export function createHttp(options: HttpOptions): FastifyInstance {
  const { log, registry, drain, notReady, describeErrors, limits = STREAMING, ahead } = options;
  const app = fastify({
    serverFactory: (handler) =>
      createServer({ ...serverOptions(limits), IncomingMessage: ahead?.IncomingMessage }, (request, response) => {
        if (ahead?.take(request, response) !== true) handler(request, response);
      }),
    bodyLimit: limits.bodyBytes,
    clientErrorHandler: refuseClient,
    // What comes before any route, as a path that cannot be decoded.
    frameworkErrors: (error, request, reply) => answerProblem(reply, problemOf(error, log, request.routeOptions.url)),
    // What still comes while the server closes has an answer, like everything before it.
    return503OnClosing: false,
  });
  drain.watch(app);

  app.server.maxConnections = limits.connections;

  app.setValidatorCompiler<TSchema>(({ schema }) => {
    const problemIn = checkerOf(schema, describeErrors);
    return (value) => {
      const error = problemIn(value);
      return error === null ? { value } : { error };
    };
  });

  app.setErrorHandler((error, request, reply) => answerProblem(reply, problemOf(error, log, request.routeOptions.url)));

  app.setNotFoundHandler((request) => {
    throw new Problem(404, "no-such-route", `there is no ${request.method} ${request.url.split("?")[0]}`);
  });

  app.get("/livez", () => ({ status: "alive" }));
  app.get("/readyz", async () => {
    if (drain.refusal !== null) throw drain.refusal;
    const reason = await notReady();
    if (reason !== null) throw new Problem(503, "not-ready", reason);
    return { status: "ready" };
  });
  app.get("/metrics", async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  return app;
}

/** Finds what is wrong with a value that should be of a schema, or null. */
export function checkerOf(schema: TSchema, describeErrors: DescribeErrors): (value: unknown) => Problem | null {
  const validator = Compile(schema);
  return (value) => {
    if (validator.Check(value)) return null;
    const errors = describeErrors(validator.Errors(value));
    return new Problem(400, "invalid-request", "the request does not have the expected form", errors);
  };
}

function answerProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.retryAfterSeconds !== null) reply.header("retry-after", problem.retryAfterSeconds);
  return reply.code(problem.status).type("application/problem+json").send(problem.toJSON());
}

/**
 * What is answered to a caller because of an error, which is logged when it is the service's own fault.
 * @param route the route's pattern, since a URL may say who asks
 */
export function problemOf(error: unknown, log: Logger, route: string | undefined): Problem {
  if (error instanceof Problem) return error;
  const { statusCode = 500, message = "" } = Object(error) as Partial<FastifyError>;
  if (statusCode < 500) return new Problem(statusCode, "invalid-request", message);
  log.error({ err: error, route }, "request failed");
  if (isDatabaseAway(error)) return new Problem(503, "database-away", "the database cannot be used now; try again");
  return new Problem(500, "internal-error", "the request failed; the service's log says why");
}
