import { migrate } from "@aaa-cluster/service-kit";
import pg from "pg";
import { pino } from "pino";
import { until } from "../../lib/until.ts";
import type { Postgresql } from "../../services/postgresql.ts";
import { deviceOf, everyDevice, idOf, type Subject } from "./subject.ts";

const DATABASE = "peer";
const CONNECTIONS = 32;
const UPSERT = `
  insert into entities (entity, entity_id, version, payload)
  select 'Device', e.* from unnest($1::text[], $2::bigint[], $3::jsonb[]) as e
  on conflict (entity, entity_id) do update set version = excluded.version, payload = excluded.payload`;
const migrationsOf = (service: string): URL => new URL(`../../../${service}/src/migrations/`, import.meta.url);

/** PostgreSQL's logical replication of the same table, with the same indexes, to one subscription on each server. */
export async function startPeer(publisher: Postgresql, subscribers: readonly Postgresql[]): Promise<Subject> {
  await using starting = new AsyncDisposableStack();
  const database = async (server: Postgresql, service: string): Promise<pg.Pool> => {
    await server.createDatabase(DATABASE);
    const pool = new pg.Pool({ connectionString: server.url(DATABASE), max: CONNECTIONS });
    // An ended session may still be there when its server goes.
    pool.on("error", () => {});
    starting.defer(() => pool.end());
    await migrate(pool, migrationsOf(service), pino({ enabled: false }));
    return pool;
  };
  const pool = await database(publisher, "oss-service");
  await pool.query("create publication devices for table entities");
  for (const [index, server] of subscribers.entries()) {
    const replica = await database(server, "node-service");
    const name = `node_${index}`;
    const connection = `host=${publisher.host} port=${publisher.port} dbname=${DATABASE} user=postgres`;
    await replica.query(`create subscription ${name} connection '${connection}' publication devices`);
    starting.defer(async () => {
      await replica.query(`drop subscription ${name}`);
    });
    const streams = async (): Promise<boolean> => {
      const { rows } = await replica.query("select from pg_subscription_rel where srsubstate <> 'r'");
      return rows.length === 0;
    };
    await until(`${name} streams`, streams, { deadlineMs: 60_000, intervalMs: 50 });
  }

  const versions = new Map<number, number>();
  const writeMany = async (devices: readonly number[]): Promise<void> => {
    for (const device of devices) versions.set(device, (versions.get(device) ?? 0) + 1);
    await pool.query({
      name: "upsert",
      text: UPSERT,
      values: [
        devices.map(idOf),
        devices.map((device) => versions.get(device)),
        devices.map((device) => JSON.stringify(deviceOf(device))),
      ],
    });
  };
  await writeMany(everyDevice);

  const owned = starting.move();
  return {
    origin: publisher.url(DATABASE),
    parts: { databases: [publisher, ...subscribers].map(({ pid }) => pid) },
    replicas: subscribers.map((server) => server.url(DATABASE)),
    write: async (device) => {
      const writing = writeMany([device]);
      const version = String(versions.get(device));
      await writing;
      return { entityId: idOf(device), version };
    },
    writeMany,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
