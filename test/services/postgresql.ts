import { Client } from "pg";
import { type Container, startContainer } from "./container.ts";
import { ownedFolder, removeFolder } from "./folders.ts";
import { freePorts } from "./ports.ts";

const HOST = "127.0.0.1";
const SUPERUSER = "postgres";

/** A PostgreSQL of the project's image on a free port of 127.0.0.1; every user comes in without a password. */
export interface Postgresql extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** A connection URL; the default user is the superuser. */
  url(database: string, user?: string): string;
  createDatabase(name: string): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
  /** Ends the server, gently or as a power cut would; `start` brings it back with its data on the same port. */
  down(how?: "fast" | "kill"): Promise<void>;
  start(): Promise<void>;
}

/** The connection URL of a database of a PostgreSQL that some process started here. */
export function postgresqlUrl(port: number, database: string, user: string = SUPERUSER): string {
  return `postgresql://${user}@${HOST}:${port}/${database}`;
}

/** The settings of a service for the database of a URL, as libpq names them. */
export function libpqEnv(url: string): Record<string, string> {
  const { hostname, port, pathname, username } = new URL(url);
  return { PGHOST: hostname, PGPORT: port, PGDATABASE: pathname.slice(1), PGUSER: username };
}

export async function startPostgresql(): Promise<Postgresql> {
  const [port = 0] = await freePorts(1);
  const data = await ownedFolder();
  const socket = await ownedFolder();
  let container: Container | undefined;

  const start = async (): Promise<void> => {
    container = await startContainer({
      image: "postgresql",
      args: ["-c", `listen_addresses=${HOST}`, "-c", `port=${port}`, "-c", "max_connections=300"],
      environment: { POSTGRES_HOST_AUTH_METHOD: "trust" },
      mounts: { [data]: "/var/lib/postgresql/data", [socket]: "/run/postgresql" },
    });
    await container.until("answers", () => query(port, "SELECT 1"));
  };
  const down = async (how: "fast" | "kill" = "fast"): Promise<void> => {
    if (how === "fast") return container?.stop();
    await container?.signal("SIGKILL");
    await container?.exited;
  };
  const stop = async (): Promise<void> => {
    await down();
    await removeFolder(data);
    await removeFolder(socket);
  };

  await start().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    host: HOST,
    port,
    url: (database, user) => postgresqlUrl(port, database, user),
    createDatabase: (name) => query(port, `CREATE DATABASE "${name}"`),
    start,
    down,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Runs one statement as superuser in the database `postgres`. */
export async function query(port: number, statement: string): Promise<void> {
  const client = new Client({ connectionString: postgresqlUrl(port, "postgres") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
