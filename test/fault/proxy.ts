import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { KubeConfig } from "@kubernetes/client-node";
import { portOf } from "../../operator/src/kube/server.ts";
import type { Fault } from "./faults.ts";
import { ask, ofBothConnections, passOn } from "./wire.ts";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** When it came, in ms by the monotonic clock. */
  readonly at: number;
}

/** A request that came, and the name of the fault it met then, if any. */
export type Recorded = Asked & { readonly fault: string | undefined };

export type Matcher = (request: Asked) => boolean;
export const isWatch: Matcher = ({ query }) => query.has("watch");
export const isList: Matcher = ({ query }) => query.has("limit") && !query.has("watch");

interface Planned {
  readonly fault: Fault;
  readonly matches: Matcher;
  times: number;
}

const HOST = "127.0.0.1";

/**
 * Stands between clients, who speak plain HTTP to it without credentials, and an API server, to whom it speaks as the
 * user of a configuration. It passes on every byte of an answer, line by line as they come, save what a fault does to
 * them. A server that cannot be reached, or goes, is to its clients a connection that is cut.
 */
export class FaultProxy implements AsyncDisposable {
  /** All requests since the start, in the order in which they came. */
  readonly requests: Recorded[] = [];
  readonly #server: Server;
  readonly #config: KubeConfig;
  readonly #watches = new Set<{ fault: Fault | undefined }>();
  #planned: Planned[] = [];

  private constructor(server: Server, config: KubeConfig) {
    this.#server = server;
    this.#config = config;
  }

  static async start(config: KubeConfig): Promise<FaultProxy> {
    const server = createServer((request, response) => void proxy.#handle(request, response));
    const proxy = new FaultProxy(server, config);
    await once(server.listen(0, HOST), "listening");
    return proxy;
  }

  get url(): string {
    return `http://${HOST}:${portOf(this.#server)}`;
  }

  /** How many watches have been answered and have not ended for their clients. */
  get openWatches(): number {
    return this.#watches.size;
  }

  /** Lets the next requests that match meet a fault, after the faults that were planned earlier. */
  next(fault: Fault, { matches = () => true, times = 1 }: { matches?: Matcher; times?: number } = {}): void {
    this.#planned.push({ fault, matches, times });
  }

  /** Lets a fault with `line` come over every watch that is open. */
  strike(fault: Fault): void {
    for (const watch of this.#watches) watch.fault = fault;
  }

  /** Takes back all faults that have not happened yet. */
  heal(): void {
    this.#planned = [];
    for (const watch of this.#watches) watch.fault = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server.close(), "close");
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(request.url ?? "/", this.url);
    const asked: Asked = { method: request.method ?? "", path, query, at: performance.now() };
    const fault = this.#take(asked);
    this.requests.push({ ...asked, fault: fault?.name });
    if (fault !== undefined && "answer" in fault) {
      response.writeHead(fault.answer.status, fault.answer.headers).end(fault.answer.body);
      return;
    }
    const exchange = { fault };
    response.once("close", () => this.#watches.delete(exchange));
    try {
      const answer = await ask(this.#config, request, response);
      response.writeHead(answer.statusCode ?? 502, ofBothConnections(answer.headers)).flushHeaders();
      if (isWatch(asked) && !response.closed) this.#watches.add(exchange);
      await passOn(answer, response, (line) => stepsOf(exchange.fault, line));
    } catch {
      response.destroy();
    }
  }

  #take(request: Asked): Fault | undefined {
    const planned = this.#planned.find(({ times, matches }) => times > 0 && matches(request));
    if (planned !== undefined) planned.times -= 1;
    return planned?.fault;
  }
}

function stepsOf(fault: Fault | undefined, line: Buffer) {
  return fault !== undefined && "line" in fault ? fault.line(line) : [{ send: line }];
}
