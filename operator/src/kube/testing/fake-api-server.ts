import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { KubeConfig } from "@kubernetes/client-node";
import { KubeClient } from "../client/client.ts";
import type { KubeObject } from "../objects.ts";
import { portOf } from "../server.ts";

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  readonly body: KubeObject | undefined;
}

/** Takes a call away from the server: answers it itself and returns true, or returns false. */
export type Fault = (call: Call, response: ServerResponse) => boolean;

/** The last parts of a path, which tell an object from a collection. */
const OBJECT =
  /^(?<collection>\/apis?(?:\/[^/]+)*\/namespaces\/[^/]+\/[a-z]+)\/(?<name>[^/]+)(?<subresource>\/status)?$/;
const ALL_NAMESPACES = /\/namespaces\/[^/]+/;

/**
 * A small API server at the wire: keeps objects, lists and watches them, applies them, and does as `fault` says
 * instead. It knows no schemas, defaults or field managers; whole objects are replaced.
 */
export class FakeApiServer implements AsyncDisposable {
  readonly config: KubeConfig;
  readonly client: KubeClient;
  readonly calls: Call[] = [];
  /** Kept up to date by requests, or set by a test beforehand: path -> object. */
  readonly objects = new Map<string, KubeObject>();
  fault: Fault = () => false;
  readonly #server: Server;
  readonly #watches = new Map<ServerResponse, string>();
  #version = 100;

  private constructor(server: Server) {
    this.#server = server;
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: "fake", server: `http://127.0.0.1:${portOf(server)}`, skipTLSVerify: true },
      { name: "test", token: "secret" },
    );
    this.config = config;
    this.client = new KubeClient(config);
  }

  static async start(): Promise<FakeApiServer> {
    const server = createServer((request, response) => void fake.#handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const fake = new FakeApiServer(server);
    return fake;
  }

  /** The calls that would have changed something. */
  get writes(): readonly Call[] {
    return this.calls.filter(({ method }) => method !== "GET");
  }

  /** Makes, changes or (with null) removes an object, and tells the watches. */
  put(path: string, object: KubeObject | null): KubeObject | undefined {
    const before = this.objects.get(path);
    this.#version += 1;
    const base = object ?? before;
    if (base === undefined) return undefined;
    const metadata = {
      uid: before?.metadata.uid ?? `uid-${this.#version}`,
      ...base.metadata,
      resourceVersion: String(this.#version),
    };
    const stored: KubeObject = { ...base, metadata };
    if (object === null) this.objects.delete(path);
    else this.objects.set(path, stored);
    const type = object === null ? "DELETED" : before === undefined ? "ADDED" : "MODIFIED";
    const collection = OBJECT.exec(path)?.groups?.collection ?? "";
    for (const [watch, watched] of this.#watches) {
      if (watched === collection || watched === collection.replace(ALL_NAMESPACES, "")) send(watch, type, stored);
    }
    return stored;
  }

  /** How many watches are open. */
  get openWatches(): number {
    return this.#watches.size;
  }

  /** Ends every watch: as a server does in good order, or as a cut cable. */
  endWatches(how: "cleanly" | "cut"): void {
    for (const watch of this.#watches.keys()) {
      if (how === "cleanly") watch.end();
      else watch.destroy();
    }
  }

  /** Sends raw text over every open watch. */
  sendRaw(text: string): void {
    for (const watch of this.#watches.keys()) watch.write(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const url = new URL(request.url ?? "/", "http://fake");
    const call: Call = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      contentType: request.headers["content-type"],
      body: text === "" ? undefined : JSON.parse(text),
    };
    this.calls.push(call);
    if (!this.fault(call, response)) this.answer(call, response);
  }

  /** Answers a call as without a fault: for faults that only put it off. */
  answer(call: Call, response: ServerResponse): void {
    const { method, path, query, body } = call;
    if (method === "POST" && body !== undefined) {
      const target = `${path}/${body.metadata.name}`;
      if (this.objects.has(target)) fail(response, 409, "AlreadyExists");
      else json(response, 201, this.put(target, body));
      return;
    }
    const object = OBJECT.exec(path)?.groups;
    if (object === undefined) {
      if (query.has("watch")) this.#watch(path, response);
      else this.#list(path, response);
      return;
    }
    const target = `${object.collection}/${object.name}`;
    const known = this.objects.get(target);
    if (method === "PUT" && body !== undefined) {
      // Updates only the version that is there.
      if (known === undefined) fail(response, 404, "NotFound");
      else if (known.metadata.resourceVersion !== body.metadata.resourceVersion) fail(response, 409, "Conflict");
      else json(response, 200, this.put(target, body));
    } else if (method === "PATCH" && body !== undefined) {
      const decidedOn = body.metadata?.resourceVersion;
      if (known !== undefined && decidedOn !== undefined && known.metadata.resourceVersion !== decidedOn) {
        fail(response, 409, "Conflict");
        return;
      }
      const whole = object.subresource === undefined ? body : { ...known, ...body, metadata: known?.metadata };
      json(response, known === undefined ? 201 : 200, this.put(target, whole as KubeObject));
    } else if (known === undefined) fail(response, 404, "NotFound");
    else {
      if (method === "DELETE") this.put(target, null);
      json(response, 200, known);
    }
  }

  #list(path: string, response: ServerResponse): void {
    const items = [...this.objects]
      .filter(([key]) => {
        const collection = OBJECT.exec(key)?.groups?.collection ?? "";
        return collection === path || collection.replace(ALL_NAMESPACES, "") === path;
      })
      .map(([, { apiVersion: _, kind: __, ...item }]) => item);
    json(response, 200, { metadata: { resourceVersion: String(this.#version) }, items });
  }

  #watch(path: string, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    this.#watches.set(response, path);
    response.on("close", () => this.#watches.delete(response));
  }
}

/** Answers with a Status, as the API server does when it refuses. */
export function fail(
  response: ServerResponse,
  code: number,
  reason: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ kind: "Status", code, reason, message: `${reason} as the test wants it` }));
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function send(watch: ServerResponse, type: string, object: KubeObject): void {
  watch.write(`${JSON.stringify({ type, object })}\n`);
}
