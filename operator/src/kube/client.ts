import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import { errorOf, Unreachable } from "./errors.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface RequestOptions {
  readonly query?: Query;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  /** After this long without a whole answer the call rejects with Unreachable. Default 30 seconds. */
  readonly timeoutMs?: number;
}

export interface StreamOptions {
  readonly query?: Query;
  readonly signal: AbortSignal;
  /** After this long without a byte the stream ends with Unreachable. */
  readonly silenceMs: number;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: Query | undefined;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 30_000;

/**
 * Speaks to the API server in plain JSON. The kubeconfig library is used for configuration, authentication and TLS
 * only: its typed models would drop the fields they do not know.
 */
export class KubeClient {
  readonly #config: KubeConfig;
  readonly #onAnswer: (method: string, status: number) => void;

  /** @param onAnswer called for every answer, for metrics */
  constructor(config: KubeConfig, onAnswer: (method: string, status: number) => void = () => {}) {
    this.#config = config;
    this.#onAnswer = onAnswer;
  }

  /**
   * One request and its whole JSON answer.
   * @throws ApiError (NotFound, Conflict, Invalid, Forbidden, Throttled, ...) or Unreachable
   */
  async request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
    try {
      const response = await this.#open({
        method,
        path,
        query: options.query,
        body: options.body === undefined ? undefined : JSON.stringify(options.body),
        contentType: options.contentType,
        signal,
      });
      return JSON.parse(await textOf(response)) as T;
    } catch (error) {
      throw timeout.aborted ? new Unreachable(`${method} ${path}: no answer in ${timeoutMs} ms`) : asUnreachable(error);
    }
  }

  /** The lines of an answer that has no end, as a watch. Ends when the server ends it; rejects as `request` does. */
  async *lines(path: string, { query, signal, silenceMs }: StreamOptions): AsyncGenerator<string> {
    const silence = new AbortController();
    const watchdog = setTimeout(() => silence.abort(), silenceMs);
    try {
      const both = AbortSignal.any([signal, silence.signal]);
      const response = await this.#open({ method: "GET", path, query, signal: both });
      response.setEncoding("utf8");
      let rest = "";
      for await (const chunk of response) {
        watchdog.refresh();
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        yield* lines;
      }
    } catch (error) {
      throw silence.signal.aborted ? new Unreachable(`GET ${path}: silent for ${silenceMs} ms`) : asUnreachable(error);
    } finally {
      clearTimeout(watchdog);
      silence.abort();
    }
  }

  async #open({ method, path, query, body, contentType, signal }: Call): Promise<IncomingMessage> {
    const server = this.#config.getCurrentCluster()?.server;
    if (server === undefined) throw new Unreachable("the kubeconfig names no cluster");
    const url = new URL(server + path);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers = {
      accept: "application/json",
      ...(body === undefined
        ? {}
        : { "content-type": contentType ?? "application/json", "content-length": Buffer.byteLength(body) }),
    };
    const options: https.RequestOptions = { method, headers };
    await this.#config.applyToHTTPSOptions(options);
    if (options.agent instanceof http.Agent) keepAlive(options.agent);
    const response = await send(url, { ...options, signal }, body);
    const status = response.statusCode ?? 0;
    this.#onAnswer(method, status);
    if (status < 200 || status > 299) {
      throw errorOf(status, await textOf(response), response.headers["retry-after"]);
    }
    return response;
  }
}

/** The library's agents open a connection per request; their pooling is there, only switched off. */
function keepAlive(agent: http.Agent): void {
  (agent as http.Agent & { keepAlive: boolean }).keepAlive = true;
}

function send(url: URL, options: https.RequestOptions, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "http:" ? http : https).request(url, options, resolve);
    request.on("socket", (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
    request.on("error", reject);
    request.end(body);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function asUnreachable(error: unknown): unknown {
  const isOurs = error instanceof Error && (error.name === "AbortError" || "status" in error);
  if (isOurs || error instanceof Unreachable) return error;
  return new Unreachable(error instanceof Error ? error.message : String(error), { cause: error });
}
