import { type ServerOptions, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { Problem } from "./problem.ts";

/** What a service takes of one client, and of all together. */
export interface HttpLimits {
  /** How long the headers of a request may take to come, in milliseconds. */
  readonly headersMs: number;
  /** How long a whole request may take to come, in milliseconds; 0: as long as it likes. */
  readonly requestMs: number;
  readonly bodyBytes: number;
  /** Connections at a time; more are closed at once. */
  readonly connections: number;
}

/** For a service that is sent long streams. */
export const STREAMING: HttpLimits = {
  headersMs: 10_000,
  requestMs: 0,
  bodyBytes: 1024 * 1024,
  connections: 10_000,
};

// How often Node looks for requests that take too long, as a part of that time.
const CHECKS = 4;
/** How long a connection may be silent between two requests: longer than a gateway lets one. */
const KEEP_ALIVE_MS = 72_000;

/** The limits as Node's server takes them. */
export function serverOptions({ headersMs, requestMs }: HttpLimits): ServerOptions {
  return {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.ceil(headersMs / CHECKS),
  };
}

/** Answers what is no HTTP request, or takes too long to become one, and closes the connection. */
export function refuseClient(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = clientProblem(error.code);
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    "connection: close",
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  // Who does not read the answer shall not hold the connection either.
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

function clientProblem(code: string | undefined): Problem {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new Problem(408, "request-timeout", "the request took too long to come; send it again, at once");
    case "HPE_HEADER_OVERFLOW":
      return new Problem(431, "headers-too-large", "the headers of the request are too large; send fewer");
    default:
      return new Problem(400, "invalid-request", "this is not an HTTP/1.1 request");
  }
}
