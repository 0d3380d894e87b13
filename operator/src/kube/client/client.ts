import { setTimeout as sleep } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Backoff, backoffMs } from "../backoff.ts";
import { NotFound, ServerFailed, Throttled, Unreachable } from "./errors.ts";
import { asUnreachable, exchange, linesOf, successful, textOf, timedOut } from "./transport.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface RequestOptions {
  readonly query?: Query;
  readonly body?: unknown;
  /** Default: application/json. */
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /** After this long without a whole answer an attempt rejects with Unreachable. Default 30 seconds. */
  readonly timeoutMs?: number;
  /** How often to ask, at most, when the server answers 429 or 5xx. Default 4; 1: once. */
  readonly attempts?: number;
}

export interface StreamOptions {
  readonly query?: Query;
  readonly signal: AbortSignal;
  /** After this long without a byte the stream ends with Unreachable. */
  readonly silenceMs: number;
}

export interface ClientOptions {
  /** Told of every answer, for metrics: the HTTP status, or "<error>" when none came. */
  readonly onAnswer?: (method: string, code: string, host: string) => void;
  readonly userAgent?: string;
}

/** What holds for every request of a client. */
interface Bounds {
  readonly beforeWrite?: () => void;
  readonly signal?: AbortSignal | undefined;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query?: Query | undefined;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 30_000;
const ATTEMPTS = 4;
const BACKOFF: Backoff = { firstMs: 200, longestMs: 5_000 };
/** Whoever shall wait longer than this is told so, and does not hold up a worker meanwhile. */
const LONGEST_WAIT_MS = 5_000;

/**
 * Speaks to the API server in plain JSON. The kubeconfig library is used for configuration, authentication and TLS
 * only: its typed models would drop the fields they do not know.
 */
export class KubeClient {
  readonly #config: KubeConfig;
  readonly #options: ClientOptions;
  readonly #bounds: Bounds;

  constructor(config: KubeConfig, options: ClientOptions = {}, bounds: Bounds = {}) {
    this.#config = config;
    this.#options = options;
    this.#bounds = bounds;
  }

  /** The same client, but every write first calls `check` when its connection stands, and is not sent if that throws. */
  guardedBy(check: () => void): KubeClient {
    return new KubeClient(this.#config, this.#options, { ...this.#bounds, beforeWrite: check });
  }

  /** The same client, but every request ends with the signal. */
  within(signal: AbortSignal): KubeClient {
    return new KubeClient(this.#config, this.#options, { ...this.#bounds, signal: this.#ending(signal) });
  }

  /**
   * One request and its whole JSON answer. Asks again, as often as `attempts` says, when the server is overloaded and
   * names a short while (429, or 5xx with Retry-After), and after other 5xx when a repetition does no harm (not POST).
   * @throws ApiError (NotFound, Conflict, Invalid, Forbidden, Throttled, ...), Unreachable, or the signal's reason
   */
  async request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const signal = this.#ending(options.signal);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once<T>(method, path, { ...options, signal });
      } catch (error) {
        const waitMs = attempt < (options.attempts ?? ATTEMPTS) ? waitBeforeRetry(error, method, attempt) : undefined;
        if (waitMs === undefined || waitMs > LONGEST_WAIT_MS) throw error;
        await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
      }
    }
  }

  /** What is at a path, undefined when nothing is; rejects as `request` does. */
  async find<T>(path: string, options: RequestOptions = {}): Promise<T | undefined> {
    try {
      return await this.request<T>("GET", path, options);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  /** The lines of an answer that has no end, as a watch. Ends when the server ends it; rejects as `request` does. */
  async *lines(path: string, { query, signal, silenceMs }: StreamOptions): AsyncGenerator<string> {
    const ending = either(signal, this.#bounds.signal);
    const silence = new AbortController();
    const watchdog = setTimeout(() => silence.abort(timedOut()), silenceMs);
    try {
      const response = await this.#open({ method: "GET", path, query, signal: either(ending, silence.signal) });
      yield* linesOf(response, () => watchdog.refresh());
    } catch (error) {
      ending.throwIfAborted();
      throw silence.signal.aborted ? new Unreachable(`GET ${path}: silent for ${silenceMs} ms`) : asUnreachable(error);
    } finally {
      clearTimeout(watchdog);
      silence.abort();
    }
  }

  async #once<T>(method: string, path: string, options: RequestOptions): Promise<T> {
    const { query, contentType, timeoutMs = TIMEOUT_MS } = options;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(timedOut()), timeoutMs);
    const signal = either(late.signal, options.signal);
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    try {
      return JSON.parse(await textOf(await this.#open({ method, path, query, body, contentType, signal }))) as T;
    } catch (error) {
      options.signal?.throwIfAborted();
      const isLate = late.signal.aborted;
      throw isLate ? new Unreachable(`${method} ${path}: no answer in ${timeoutMs} ms`) : asUnreachable(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A signal that ends a request: its own, and the one that this client is within. */
  #ending(signal: AbortSignal | undefined): AbortSignal | undefined {
    const { signal: outer } = this.#bounds;
    return signal === undefined ? outer : either(signal, outer);
  }

  async #open({ method, path, query, body, contentType = "application/json", signal }: Call) {
    const server = this.#config.getCurrentCluster()?.server;
    if (server === undefined) throw new Unreachable("the kubeconfig names no cluster");
    const url = urlOf(server, path, query);
    const { onAnswer, userAgent = "kube-core" } = this.#options;
    const headers = {
      accept: "application/json",
      "user-agent": userAgent,
      ...(body === undefined ? {} : { "content-type": contentType, "content-length": Buffer.byteLength(body) }),
    };
    const options = { method, headers };
    const beforeSend = (): void => {
      if (method !== "GET") this.#bounds.beforeWrite?.();
    };
    // Also now: a refusal at the last moment costs the connection.
    beforeSend();
    let code = "<error>";
    try {
      await this.#config.applyToHTTPSOptions(options);
      const response = await exchange({ url, options, body, signal, beforeSend });
      code = String(response.statusCode);
      return await successful(response);
    } finally {
      onAnswer?.(method, code, url.host);
    }
  }
}

/** How long to wait before asking again, in ms; undefined when asking again would be wrong. */
function waitBeforeRetry(error: unknown, method: string, attempt: number): number | undefined {
  if (error instanceof Throttled) return error.retryAfterMs;
  if (error instanceof ServerFailed && method !== "POST") return backoffMs(BACKOFF, attempt);
  return undefined;
}

/** A signal that is aborted with the first of two. */
function either(signal: AbortSignal, other: AbortSignal | undefined): AbortSignal {
  return other === undefined ? signal : AbortSignal.any([signal, other]);
}

function urlOf(server: string, path: string, query: Query = {}): URL {
  const url = new URL(server + path);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}
