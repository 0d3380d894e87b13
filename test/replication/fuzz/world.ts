import { partitionQueue } from "@aaa-cluster/contract";
import { digestOfTable } from "@aaa-cluster/service-kit";
import { TcpGate } from "../../fault/tcp-gate.ts";
import { until } from "../../lib/until.ts";
import { query as asSuperuser, type Postgresql } from "../../services/postgresql.ts";
import type { Rabbitmq } from "../../services/rabbitmq.ts";
import { query, Stack } from "../stack.ts";
import {
  type Accounting,
  type Attempt,
  type LostOutbox,
  missing,
  type Reported,
  type StoredRecord,
} from "./accounting.ts";
import type { Committed, Entity, Observation, Resync, Run, Told } from "./invariants.ts";
import { NODES, OSS } from "./plan.ts";
import type { Reporting } from "./reports.ts";
import type { Servers } from "./servers.ts";
import { ServiceProcess } from "./service-process.ts";
import type { Write } from "./writes.ts";

const ANSWER_TIMEOUT_MS = 2_000;
const FOLLOW_DEADLINE = { deadlineMs: 120_000, intervalMs: 100 };
const DELIVER_DEADLINE = { deadlineMs: 60_000, intervalMs: 100 };
const LOSE_DEADLINE = { deadlineMs: 10_000, intervalMs: 20 };

/** A database and the server it is on. */
export interface Database {
  readonly server: Postgresql;
  readonly url: string;
}

/** Two OSS replicas and three nodes as real processes, each with a gate to its broker and one to its database. */
export class World implements AsyncDisposable {
  readonly servers: Servers;
  readonly stack: Stack;
  /** By whom they belong to: `oss`, and every node. */
  readonly databases: ReadonlyMap<string, Database>;
  readonly gates: ReadonlyMap<string, TcpGate>;
  readonly processes: ReadonlyMap<string, ServiceProcess>;
  /** What nodes lost with their databases. */
  readonly lost: LostOutbox[] = [];
  /** Access tokens of the boxes, by device. */
  readonly #tokens = new Map<string, Promise<string>>();
  readonly #owned: AsyncDisposableStack;

  private constructor(
    parts: Pick<World, "servers" | "stack" | "databases" | "gates" | "processes">,
    owned: AsyncDisposableStack,
  ) {
    this.servers = parts.servers;
    this.stack = parts.stack;
    this.databases = parts.databases;
    this.gates = parts.gates;
    this.processes = parts.processes;
    this.#owned = owned;
  }

  /** Starts everything on an empty virtual host and empty databases, and waits until the nodes follow. */
  static async start(servers: Servers): Promise<World> {
    const owned = new AsyncDisposableStack();
    try {
      const world = await World.#make(servers, owned);
      await Promise.all([...world.processes.values()].map((process) => process.start()));
      await world.untilFollowing();
      return world;
    } catch (error) {
      await owned.disposeAsync();
      throw error;
    }
  }

  static async #make(servers: Servers, owned: AsyncDisposableStack): Promise<World> {
    const brokers = [...servers.brokers.values()];
    const [rabbitmq] = brokers;
    if (rabbitmq === undefined) throw new Error("there is no broker");
    const ossServer = serverOf(servers, "oss");
    const stack = owned.use(await Stack.start({ rabbitmq, postgresql: ossServer }));
    const databases = new Map<string, Database>([["oss", { server: ossServer, url: stack.ossDatabase.url }]]);
    for (const node of NODES) {
      const server = serverOf(servers, node);
      databases.set(node, { server, url: await stack.database(server) });
    }
    const gates = new Map<string, TcpGate>();
    const processes = new Map<string, ServiceProcess>();
    const start = async (name: string, service: string, env: Record<string, string>): Promise<void> => {
      const toBroker = owned.use(await TcpGate.start(...brokers.map(({ port }) => port)));
      const toDatabase = owned.use(await TcpGate.start(Number(env.PGPORT)));
      gates.set(`${name} to broker`, toBroker).set(`${name} to database`, toDatabase);
      const BROKER_URL = `amqp://127.0.0.1:${toBroker.port}/${stack.vhost.name}`;
      const through = { ...env, BROKER_URL, PGPORT: String(toDatabase.port) };
      processes.set(name, owned.use(new ServiceProcess(name, service, through)));
    };
    for (const name of OSS) await start(name, "oss-service", stack.ossEnv(name));
    for (const name of NODES) {
      await start(name, "node-service", stack.nodeEnv(name, databases.get(name)?.url ?? ""));
    }
    return new World({ servers, stack, databases, gates, processes }, owned);
  }

  /** Sends a write and says what the writer was told. */
  async write(write: Write): Promise<Told> {
    const { to, changes } = write;
    try {
      const options = { url: this.process(to).url, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) };
      const { status, body } = await this.stack.call(...requestOf(changes), options);
      if (status < 300) return { write, outcome: "accepted", sequence: BigInt(String(body.sequence)) };
      return { write, outcome: status < 500 ? "refused" : "unknown", sequence: null };
    } catch {
      return { write, outcome: "unknown", sequence: null };
    }
  }

  /** Sends a record to a node, as a box does, and says what the box was told. */
  async report({ content }: Reporting, node: string): Promise<Attempt> {
    const { subscriberId, deviceId, ...report } = content;
    const sentAt = performance.now();
    try {
      const accessToken = await this.#tokenOf({ subscriberId, deviceId });
      const response = await fetch(new URL("/v1/accounting", this.process(node).url), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ accessToken, ...report }),
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      await response.arrayBuffer();
      return { node, sentAt, status: response.status };
    } catch {
      return { node, sentAt, status: null };
    }
  }

  /** What became of the records that boxes reported. */
  async accounting(reported: readonly Reported[]): Promise<Accounting> {
    const { url } = this.database("oss");
    const records = await query(url, `select record_id as "recordId", partition, record as content from accounting`);
    const setAside = await query(url, "select reason from accounting_quarantine");
    return {
      reported,
      stored: records as unknown as StoredRecord[],
      lost: this.lost,
      setAside: setAside.map(({ reason }) => String(reason)),
    };
  }

  /** Waits until no node has a record left to deliver, and OSS has every record that it must have. */
  async untilDelivered(reported: readonly Reported[]): Promise<void> {
    const delivered = async (): Promise<boolean> => {
      const outboxes = await Promise.all(NODES.map((node) => undelivered(this.database(node).url)));
      const lacking = missing(await this.accounting(reported));
      if (lacking.length === 0 && outboxes.every((outbox) => outbox.length === 0)) return true;
      throw new Error(`${lacking.length} records are missing; outboxes: ${outboxes.map(({ length }) => length)}`);
    };
    await until("every accounting record is delivered", delivered, DELIVER_DEADLINE);
  }

  /** What a node's database holds now, all of one moment. Rejects when it cannot be read. */
  async observe(node: string): Promise<Observation> {
    const [row] = await query(
      this.database(node).url,
      `select (select oid from pg_database where datname = current_database())::text as database,
              epoch, sequence, ${DIGESTS}, ${ENTITIES} as entities
       from watermark`,
    );
    if (row === undefined) throw new Error(`the watermark of ${node} has no row`);
    const { database, epoch, sequence, entities, digest, counted } = row as Record<string, string> & {
      entities: EntityRow[];
    };
    return {
      node,
      database: String(database),
      epoch: BigInt(String(epoch)),
      sequence: BigInt(String(sequence)),
      entities: entities.map(entityOf),
      digest: String(digest),
      counted: String(counted),
    };
  }

  /** Where OSS is in its stream. */
  async stream(): Promise<Run["oss"]> {
    const [row] = await query(
      this.database("oss").url,
      `select epoch, sequence, published, ${DIGESTS} from stream, relay`,
    );
    const { epoch, sequence, published, digest, counted } = row as Record<string, string>;
    return {
      epoch: BigInt(String(epoch)),
      sequence: BigInt(String(sequence)),
      published: BigInt(String(published)),
      digest: String(digest),
      counted: String(counted),
    };
  }

  /** Every change that OSS has committed, in order. */
  async committed(): Promise<Committed[]> {
    const rows = await query(this.database("oss").url, "select sequence, body from outbox order by sequence");
    return rows.map(({ sequence, body }) => {
      const { entity, entityId, entityVersion, payload } = body as Record<string, string> & Pick<Entity, "payload">;
      return {
        sequence: BigInt(String(sequence)),
        entity: String(entity),
        id: String(entityId),
        version: BigInt(String(entityVersion)),
        payload,
      };
    });
  }

  async ossEntities(): Promise<Entity[]> {
    const rows = await query(this.database("oss").url, `select ${ENTITIES} as entities`);
    return rows.flatMap(({ entities }) => (entities as EntityRow[]).map(entityOf));
  }

  async quarantined(node: string): Promise<number> {
    const [row] = await query(this.database(node).url, "select count(*) from quarantine");
    return Number(row?.count);
  }

  /** Which nodes asked for a snapshot so far, and why. */
  resyncs(): Resync[] {
    return NODES.flatMap((node) =>
      this.process(node).log.flatMap(({ msg, reason }) =>
        msg.startsWith("resync: asking") ? [{ node, reason: String(reason) }] : [],
      ),
    );
  }

  /** Waits until all that OSS has is published and every node has it, in the relay's epoch. */
  async untilFollowing(): Promise<void> {
    const following = async (): Promise<boolean> => {
      const oss = await this.stream();
      const nodes = await Promise.all(NODES.map((node) => this.#placeOf(node)));
      const behind = nodes.filter(
        ({ epoch, sequence, synced }) => !synced || epoch !== `${oss.epoch}` || sequence !== `${oss.sequence}`,
      );
      if (oss.epoch > 0n && oss.published === oss.sequence && behind.length === 0) return true;
      throw new Error(`OSS is at ${oss.epoch}/${oss.sequence}, published ${oss.published}; ${JSON.stringify(nodes)}`);
    };
    await until("every node follows", following, FOLLOW_DEADLINE);
  }

  /** Other limits of one node's queue; null takes them away, so that those of all count again. */
  async limitQueue(node: string, definition: Readonly<Record<string, unknown>> | null): Promise<void> {
    const { management, name } = this.stack.vhost;
    const path = `/policies/${name}/${node}`;
    if (definition === null) return void (await management("DELETE", path));
    const pattern = `^${partitionQueue(node).replaceAll(".", "\\.")}$`;
    await management("PUT", path, { pattern, priority: 1, "apply-to": "queues", definition });
  }

  /** Puts an empty database in the place of a node's, and remembers what the node had not delivered. */
  async loseDatabase(node: string): Promise<void> {
    const { server, url } = this.database(node);
    const name = new URL(url).pathname.slice(1);
    const away = `${name}_lost`;
    const takeAway = async (): Promise<boolean> => {
      await asSuperuser(
        server.port,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
      );
      await asSuperuser(server.port, `ALTER DATABASE "${name}" RENAME TO "${away}"`);
      return true;
    };
    // It can be renamed only while nobody is connected, and not be written to then: so it says what was lost, exactly.
    await until(`${name} is taken away`, takeAway, LOSE_DEADLINE);
    const at = performance.now();
    await asSuperuser(server.port, `CREATE DATABASE "${name}"`);
    this.lost.push({ node, at, recordIds: new Set(await undelivered(server.url(away))) });
    await asSuperuser(server.port, `DROP DATABASE "${away}"`);
  }

  process = (name: string): ServiceProcess => one(this.processes, name);
  gate = (name: string): TcpGate => one(this.gates, name);
  database = (name: string): Database => one(this.databases, name);
  broker = (name: string): Rabbitmq => one(this.servers.brokers, name);

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  /** A box authenticates once for many records. */
  #tokenOf(identity: Parameters<Stack["accessToken"]>[0]): Promise<string> {
    const token = this.#tokens.get(identity.deviceId) ?? this.stack.accessToken(identity);
    this.#tokens.set(identity.deviceId, token);
    return token;
  }

  /** Where a node is: in its database, while the process itself says that it follows. */
  async #placeOf(node: string): Promise<{ node: string; epoch: string; sequence: string; synced: boolean }> {
    const response = await fetch(new URL("/v1/partition", this.process(node).url));
    const { synced } = (await response.json()) as { synced: boolean };
    const { epoch, sequence } = await this.observe(node);
    return { node, epoch: `${epoch}`, sequence: `${sequence}`, synced };
  }
}

interface EntityRow {
  readonly entity: string;
  readonly id: string;
  readonly version: string;
  readonly payload: Readonly<Record<string, unknown>> | null;
}

/** The digest that was kept up to date, and that of what is there. */
const DIGESTS = `digest, ${digestOfTable("entities")} as counted`;

const ENTITIES = `(select coalesce(json_agg(json_build_object(
  'entity', entity, 'id', entity_id, 'version', version::text, 'payload', payload)), '[]') from entities)`;

/** The records that a node has still to deliver. It has none before it has made its tables. */
async function undelivered(url: string): Promise<string[]> {
  const [row] = await query(url, "select to_regclass('accounting') is not null as made");
  if (row?.made !== true) return [];
  const rows = await query(url, "select record_id from accounting where delivered_at is null");
  return rows.map(({ record_id }) => String(record_id));
}

const entityOf = (row: EntityRow): Entity => ({ ...row, version: BigInt(row.version) });

const COLLECTIONS: Record<Write["changes"][number]["entity"], string> = {
  Subscriber: "subscribers",
  Device: "devices",
  ProductOffering: "productOfferings",
  Entitlement: "entitlements",
};

/** The method, path and body of a write: a bulk request when it has several changes. */
function requestOf(changes: Write["changes"]): [method: string, path: string, body: unknown] {
  const [change, ...more] = changes;
  if (change === undefined || more.length > 0) {
    return ["POST", "/v1/bulk", changes.map((line) => JSON.stringify(line)).join("\n")];
  }
  const path = `/v1/${COLLECTIONS[change.entity]}/${change.id}`;
  return change.payload === null ? ["DELETE", path, undefined] : ["PUT", path, change.payload];
}

function serverOf({ postgresql }: Servers, owner: string): Postgresql {
  return one(postgresql, owner);
}

function one<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name);
  if (found === undefined) throw new Error(`there is no ${name}; there are ${[...map.keys()].join(", ")}`);
  return found;
}
