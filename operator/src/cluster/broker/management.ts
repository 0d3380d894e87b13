import http from "node:http";
import https from "node:https";
import { type Answer, exchange } from "../exchange.ts";
import type { SecretData } from "../secrets/store.ts";

/** RabbitMQ's management interface did not answer, or not with success. */
export class ManagementError extends Error {
  override readonly name = "ManagementError";
}

/** Where RabbitMQ's management interface is. */
export interface ManagementAddress {
  readonly host: string;
  readonly port: number;
  /** Absent: it is spoken to without TLS. */
  readonly tls?: {
    /** The name that its certificate must be for. */
    readonly serverName: string;
    /** The authority that signed it, as PEM; absent: one of the public ones. */
    readonly ca?: string;
  };
}

const TIMEOUT_MS = 3_000;
/**
 * For the requests of one reconcile. RabbitMQ may close a connection that idles just when the next reconcile sends its first
 * request.
 */
const REUSE = { keepAlive: true, timeout: 1_000 };
const AGENTS = { http: new http.Agent(REUSE), https: new https.Agent(REUSE) };

/** RabbitMQ's management interface on one broker. */
export class Management {
  readonly #address: ManagementAddress;
  readonly #auth: string;

  constructor(address: ManagementAddress, { username, password }: SecretData) {
    this.#address = address;
    this.#auth = `${username}:${password}`;
  }

  /** @throws ManagementError */
  async request<T>(method: string, path: string, body?: unknown): Promise<T> {
    try {
      const { status, text } = await this.#exchange(method, path, body === undefined ? "" : JSON.stringify(body));
      if (status >= 200 && status <= 299) return (text === "" ? undefined : JSON.parse(text)) as T;
      throw new ManagementError(`${method} ${path}: ${status} ${text.slice(0, 200)}`);
    } catch (error) {
      if (error instanceof ManagementError) throw error;
      const { host, port } = this.#address;
      throw new ManagementError(`${method} ${path} at ${host}:${port}: ${inWords(error)}`, { cause: error });
    }
  }

  #exchange(method: string, path: string, body: string): Promise<Answer> {
    const { host, port, tls } = this.#address;
    const protocol = tls === undefined ? "http" : "https";
    const options = {
      agent: AGENTS[protocol],
      host,
      port,
      method,
      path: `/api${path}`,
      auth: this.#auth,
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(tls === undefined ? {} : { servername: tls.serverName, ca: tls.ca }),
    };
    return exchange(protocol, options, body);
  }
}

function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "AbortError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  // An error for several addresses has its messages only inside.
  return error instanceof AggregateError ? error.errors.map(inWords).join(", ") : error.message;
}
