import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import { ApiError, errorOf, NotLeading, Unreachable } from "./errors.ts";

export interface Exchange {
  readonly url: URL;
  /** Method, headers, agent and credentials. */
  readonly options: https.RequestOptions;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
  /** Called when the connection stands, right before the first byte leaves; what it throws ends the request. */
  readonly beforeSend: () => void;
}

const KEEP_ALIVE_MS = 30_000;

/** The reason of a signal that is aborted because nothing came. */
export function timedOut(): DOMException {
  return new DOMException("nothing came in time", "TimeoutError");
}

/**
 * Sends one request and resolves with the head of its answer, whatever its status. Rejects with what `beforeSend`
 * threw, or as node:http does. A GET on a pooled connection that the server closed just then is sent once more.
 */
export function exchange(parts: Exchange): Promise<IncomingMessage> {
  keepAlive(parts.options.agent);
  return attempt(parts, parts.options.method === "GET");
}

function attempt(parts: Exchange, mayRepeat: boolean): Promise<IncomingMessage> {
  const { url, options, body, signal, beforeSend } = parts;
  const onAbort = (): void => {
    // Where one connection turned out dead, those that lie idle beside it may be too.
    if (signal.reason?.name === "TimeoutError") dropIdle(options.agent);
  };
  signal.addEventListener("abort", onAbort);
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "http:" ? http : https).request(url, { ...options, signal }, resolve);
    // The signal may be kept for long after that, and would keep the request.
    request.once("close", () => signal.removeEventListener("abort", onAbort));
    request.on("error", (error: NodeJS.ErrnoException) => {
      if (mayRepeat && request.reusedSocket && error.code === "ECONNRESET") resolve(attempt(parts, false));
      else reject(error);
    });
    request.once("socket", (socket) => {
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      whenOpen(socket, () => {
        try {
          beforeSend();
          request.end(body);
        } catch (error) {
          request.destroy(error as Error);
        }
      });
    });
  });
}

/** The whole text of an answer. */
export async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/**
 * The lines of an answer as they come.
 * @param onBytes called whenever something came
 */
export async function* linesOf(response: IncomingMessage, onBytes: () => void): AsyncGenerator<string> {
  response.setEncoding("utf8");
  let rest = "";
  for await (const chunk of response as AsyncIterable<string>) {
    onBytes();
    rest += chunk;
    if (!chunk.includes("\n")) continue;
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** Returns an answer of success as it is, and throws the typed error of any other. */
export async function successful(response: IncomingMessage): Promise<IncomingMessage> {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status <= 299) return response;
  throw errorOf(status, await textOf(response), response.headers["retry-after"]);
}

/** What a failure without an answer is called here; errors that say more are left as they are. */
export function asUnreachable(error: unknown): unknown {
  if ([ApiError, NotLeading, Unreachable].some((type) => error instanceof type)) return error;
  return new Unreachable(error instanceof Error ? error.message : String(error), { cause: error });
}

/** The library's agents open a connection per request; their pooling is there, only switched off. */
function keepAlive(agent: http.Agent | boolean | undefined): void {
  if (agent instanceof http.Agent) (agent as http.Agent & { keepAlive: boolean }).keepAlive = true;
}

function dropIdle(agent: http.Agent | boolean | undefined): void {
  if (!(agent instanceof http.Agent)) return;
  for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
}

/** Waits for a new connection, with its TLS handshake; a pooled one is open already. */
function whenOpen(socket: Socket & { readonly secureConnecting?: boolean }, then: () => void): void {
  if (socket.secureConnecting === true) socket.once("secureConnect", then);
  else if (socket.connecting) socket.once("connect", then);
  else then();
}
