import { readFile } from "node:fs/promises";
import type { OssService } from "../../oss-service/src/service.ts";
import { query, Stack } from "../replication/stack.ts";

export interface Answer {
  readonly status: number;
  readonly etag: string | null;
  readonly body: Record<string, unknown>;
}

/** OSS replicas on a broker and a database of their own, without nodes. Disposing stops and removes all. */
export class Oss implements AsyncDisposable {
  readonly replicas: readonly OssService[];
  readonly #stack: Stack;
  readonly #token: string;

  private constructor(stack: Stack, replicas: readonly OssService[], token: string) {
    this.#stack = stack;
    this.replicas = replicas;
    this.#token = token;
  }

  static async start(count: number): Promise<Oss> {
    const stack = await Stack.start();
    try {
      const replicas: OssService[] = [];
      for (let index = 0; index < count; index += 1) replicas.push(await stack.startOss(`oss-${index}`));
      return new Oss(stack, replicas, await readFile(stack.ossEnv("").API_TOKEN_FILE ?? "", "utf8"));
    } catch (error) {
      await stack[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Another replica, as after a restart of all that were there. */
  startReplica(instance: string): Promise<OssService> {
    return this.#stack.startOss(instance);
  }

  /** The URL and the options of a request to a replica, by default the first. */
  request(method: string, path: string, headers: Record<string, string> = {}, to = this.replicas[0]): Request {
    return new Request(new URL(path, to?.url), {
      method,
      headers: { authorization: `Bearer ${this.#token}`, ...headers },
    });
  }

  /** Sends a request to a replica, by default the first. A body that is no string is sent as JSON. */
  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    to?: OssService,
  ): Promise<Response> {
    const type = typeof body === "string" ? "application/x-ndjson" : "application/json";
    const contentType: Record<string, string> = body === undefined ? {} : { "content-type": type };
    return fetch(this.request(method, path, { ...contentType, ...headers }, to), {
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }

  /** Sends a request like `send` and reads the JSON of its answer. */
  async call(...request: Parameters<Oss["send"]>): Promise<Answer> {
    const response = await this.send(...request);
    const text = await response.text();
    return { status: response.status, etag: response.headers.get("etag"), body: text === "" ? {} : JSON.parse(text) };
  }

  /** Runs one statement on the database and returns its rows. */
  query(text: string): Promise<Record<string, unknown>[]> {
    return query(this.#stack.ossDatabase.url, text);
  }

  get databaseUrl(): string {
    return this.#stack.ossDatabase.url;
  }

  /** How many events an entity has in the outbox, from which nothing this young is pruned. */
  async eventsOf(entityId: string): Promise<number> {
    const [row] = await this.query(`select count(*)::int from outbox where body ->> 'entityId' = '${entityId}'`);
    return Number(row?.count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}
