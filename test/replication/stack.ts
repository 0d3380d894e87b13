import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { type NodeService, startNodeService } from "../../node-service/src/service.ts";
import { type Identity, SigningKeys } from "../../node-service/src/signing-keys.ts";
import { type OssService, startOssService } from "../../oss-service/src/service.ts";
import { until } from "../lib/until.ts";
import { type FreshDatabase, type FreshVhost, freshDatabase, freshVhost } from "../services/fresh.ts";
import { libpqEnv } from "../services/postgresql.ts";
import type { RabbitmqAddress } from "../services/rabbitmq.ts";
import { type PostgresqlAddress, sharedPostgresql } from "../services/shared.ts";

export interface StackOptions {
  /** Where the vhost is made; by default on the broker that the test run shares. */
  readonly rabbitmq?: RabbitmqAddress;
  /** Where the database of OSS is made; by default on the server that the test run shares. */
  readonly postgresql?: PostgresqlAddress;
  /** Whether broker and databases, which must be the shared ones then, are spoken to with TLS alone. */
  readonly tls?: boolean;
}

export interface NodeState {
  readonly queue: string;
  readonly epoch: string;
  readonly sequence: string;
  readonly digest: string;
  readonly differs: boolean;
  readonly lag: number;
  readonly lagSeconds: number;
  readonly behind: boolean;
  readonly consuming: boolean;
  readonly synced: boolean;
}

export interface StreamState {
  readonly epoch: string;
  readonly sequence: string;
  readonly published: string;
  readonly relay: string;
}

/** OSS and nodes in this process, on a virtual host and databases of their own. Disposing stops and removes all. */
export class Stack implements AsyncDisposable {
  readonly vhost: FreshVhost;
  readonly ossDatabase: FreshDatabase;
  readonly #folder: string;
  readonly #token = randomBytes(12).toString("hex");
  readonly #owned: AsyncDisposableStack;
  #tls: Readonly<Record<string, string>> = {};
  #ossUrl = "";

  private constructor(vhost: FreshVhost, ossDatabase: FreshDatabase, folder: string, owned: AsyncDisposableStack) {
    this.vhost = vhost;
    this.ossDatabase = ossDatabase;
    this.#folder = folder;
    this.#owned = owned;
  }

  static async start({ rabbitmq, postgresql, tls = false }: StackOptions = {}): Promise<Stack> {
    const owned = new AsyncDisposableStack();
    const vhost = owned.use(await freshVhost(rabbitmq));
    const database = owned.use(await freshDatabase(postgresql));
    const folder = owned.adopt(await mkdtemp(join(tmpdir(), "aaa-stack-")), (path) => rm(path, { recursive: true }));
    const stack = new Stack(vhost, database, folder, owned);
    const key = { kty: "oct", kid: "one", alg: "HS256", k: randomBytes(32).toString("base64url") };
    await writeFile(join(folder, "keys"), JSON.stringify({ keys: [key] }));
    await writeFile(join(folder, "token"), stack.#token);
    if (tls) {
      const PGSSLROOTCERT = join(folder, "database-ca.crt");
      await writeFile(PGSSLROOTCERT, sharedPostgresql().ca ?? "");
      stack.#tls = { BROKER_URL: vhost.tlsUrl, PGHOST: "localhost", PGSSLMODE: "verify-full", PGSSLROOTCERT };
    }
    return stack;
  }

  /** The settings of an OSS replica, as its pod would have them. */
  ossEnv(instance: string): Record<string, string> {
    return {
      ...this.#commonEnv(),
      BROKER_CREDENTIALS_DIR: this.vhost.oss.dir,
      ...libpqEnv(this.ossDatabase.url),
      ...this.#tls,
      API_TOKEN_FILE: join(this.#folder, "token"),
      INSTANCE: instance,
    };
  }

  /** An OSS replica, to which what follows is sent; `env` goes before its other settings. */
  async startOss(instance = "oss-0", env: Record<string, string> = {}): Promise<OssService> {
    const service = this.#own(await startOssService({ ...this.ossEnv(instance), ...env }));
    this.useOss(service.url);
    const ready = async (): Promise<boolean> => (await fetch(new URL("/readyz", service.url))).ok;
    await until(`${instance} is ready`, ready, { deadlineMs: 30_000, intervalMs: 50 });
    return service;
  }

  /** Sends what follows to this OSS replica. */
  useOss(url: string): void {
    this.#ossUrl = url;
  }

  /** A node on a database of its own, or on the given one; `env` goes before its other settings. */
  async startNode(name: string, databaseUrl?: string, env: Record<string, string> = {}): Promise<NodeService> {
    const database = databaseUrl ?? (await this.database());
    return this.#own(await startNodeService({ ...this.nodeEnv(name, database), ...env }));
  }

  /** The settings of a node, as its pod would have them. */
  nodeEnv(name: string, databaseUrl: string): Record<string, string> {
    return {
      ...this.#commonEnv(),
      BROKER_CREDENTIALS_DIR: this.vhost.node.dir,
      ...libpqEnv(databaseUrl),
      ...this.#tls,
      PARTITION: name,
      // The boxes of tests wait for nobody.
      DEVICE_REQUESTS_PER_SECOND: "0",
      SIGNING_KEYS_FILE: join(this.#folder, "keys"),
    };
  }

  /** An access token as a node gives it to a box that has authenticated. */
  async accessToken(identity: Identity): Promise<string> {
    const keys = SigningKeys.parse(await readFile(join(this.#folder, "keys"), "utf8"));
    return keys.issueToken(identity, new Date()).token;
  }

  /** A database, by default on the server that the test run shares; dropped at the end. */
  async database(server?: PostgresqlAddress): Promise<string> {
    return this.#owned.use(await freshDatabase(server)).url;
  }

  /** Calls the provisioning API, of the given replica or the one in use, and returns its answer with the status. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    { url = this.#ossUrl, signal = null }: { readonly url?: string; readonly signal?: AbortSignal | null } = {},
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const bulk = typeof body === "string";
    const response = await fetch(new URL(path, url), {
      method,
      signal,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { "content-type": bulk ? "application/x-ndjson" : "application/json" }),
      },
      ...(body === undefined ? {} : { body: bulk ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  /** Puts an entity and expects that to be accepted. */
  async put(path: string, payload: object): Promise<void> {
    await this.#succeed("PUT", `/v1/${path}`, payload);
  }

  /** Sends lines of a bulk request and expects them to be accepted. */
  async bulk(lines: string): Promise<void> {
    await this.#succeed("POST", "/v1/bulk", lines);
  }

  async stream(): Promise<StreamState> {
    return (await this.#succeed("GET", "/v1/stream")) as unknown as StreamState;
  }

  /** Whether the broker has confirmed everything that OSS has accepted. */
  async isPublished(): Promise<boolean> {
    const { sequence, published } = await this.stream();
    return published === sequence;
  }

  /** Waits until then. What is written after it goes into messages of its own. */
  async untilPublished(): Promise<void> {
    await until("all is published", () => this.isPublished(), { deadlineMs: 30_000, intervalMs: 20 });
  }

  /** Waits until the nodes have everything that OSS has accepted so far. */
  async untilSynced(...nodes: readonly NodeService[]): Promise<void> {
    const { sequence } = await this.stream();
    const reached = async (node: NodeService): Promise<boolean> => {
      const state = await nodeState(node);
      return state.synced && BigInt(state.sequence) >= BigInt(sequence);
    };
    await until(
      `every node is synced at ${sequence}`,
      async () => (await Promise.all(nodes.map(reached))).every(Boolean),
      { deadlineMs: 30_000, intervalMs: 50 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  async #succeed(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await this.call(method, path, body);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  #own<T extends { stop(): Promise<void> }>(service: T): T {
    let stopped: Promise<void> | undefined;
    const stop = service.stop.bind(service);
    service.stop = () => {
      stopped ??= stop();
      return stopped;
    };
    this.#owned.defer(() => service.stop());
    return service;
  }

  #commonEnv(): Record<string, string> {
    return {
      HOST: "127.0.0.1",
      PORT: "0",
      LOG_LEVEL: process.env.LOG_LEVEL ?? "fatal",
      BROKER_URL: this.vhost.url,
      // No gateway has to notice that a service ends.
      DRAIN_SECONDS: "0",
    };
  }
}

export async function nodeState(node: { readonly url: string }): Promise<NodeState> {
  const response = await fetch(new URL("/v1/partition", node.url));
  return (await response.json()) as NodeState;
}

/** The value of a metric with the given labels as they are written, for example `aaa_node_resyncs_total{reason="gap"}`. */
export async function metricOf(service: { readonly url: string }, name: string): Promise<number> {
  const text = await (await fetch(new URL("/metrics", service.url))).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

/** A queue as the management interface knows it: up to five seconds old. */
export interface Queue {
  readonly ready: number;
  readonly unacknowledged: number;
  readonly consumers: number;
  /** How many deliveries were not the first of their message. */
  readonly redelivered: number;
}

/** Rejects when there is no such queue. */
export async function queueOf({ vhost }: Stack, queue: string): Promise<Queue> {
  const told = (await vhost.management("GET", `/queues/${vhost.name}/${queue}`)) as Partial<Record<string, number>> & {
    readonly message_stats?: { readonly redeliver?: number };
  };
  return {
    ready: told.messages_ready ?? 0,
    unacknowledged: told.messages_unacknowledged ?? 0,
    consumers: told.consumers ?? 0,
    redelivered: told.message_stats?.redeliver ?? 0,
  };
}

/** Runs one statement on a database and returns its rows. */
export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  // What ends the connection while no statement runs must not end the test.
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Ends the session in the database of OSS that holds the relay's lock, unless it belongs to the given replica. */
export async function endRelaySession(ossDatabaseUrl: string, unless = ""): Promise<void> {
  await query(
    ossDatabaseUrl,
    `select pg_terminate_backend(pid) from pg_locks, relay
     where locktype = 'advisory' and objsubid = 1 and granted and instance <> '${unless}'
       and database = (select oid from pg_database where datname = current_database())`,
  );
}

/** Everything that exists in a database of OSS or of a node, in one order, to compare. */
export function contentOf(url: string): Promise<Record<string, unknown>[]> {
  return query(
    url,
    "select entity, entity_id, version, payload from entities where payload is not null order by entity, entity_id",
  );
}

/** Lines of a bulk request: an offering, and subscribers with a device and an entitlement each. */
export function population(count: number, prefix = "s"): string {
  const lines: object[] = [
    { entity: "ProductOffering", id: "basic", payload: { name: "Basic", services: ["channel:news-1"] } },
  ];
  for (let index = 0; index < count; index += 1) {
    const id = `${prefix}${index}`;
    lines.push(
      { entity: "Subscriber", id, payload: { password: `password-${id}` } },
      { entity: "Device", id: `box-${id}`, payload: { subscriberId: id } },
      { entity: "Entitlement", id: `e-${id}`, payload: { subscriberId: id, productOfferingId: "basic" } },
    );
  }
  return lines.map((line) => JSON.stringify(line)).join("\n");
}
