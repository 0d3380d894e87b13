import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import type { ServerCertificate } from "./certificate.ts";
import { type Container, startContainer } from "./container.ts";
import { ownedFolder, removeFolder } from "./folders.ts";
import { freePorts } from "./ports.ts";

const HOST = "127.0.0.1";
const SUPERUSER = "postgres";
/** Users whose names begin so need their password over TCP, when the server has a certificate. */
export const WITH_PASSWORD = "with_password_";
const HBA = `local all all trust\nhost all "/^${WITH_PASSWORD}" all scram-sha-256\nhost all all all trust\n`;
const TLS_FOLDER = "/run/tls";
// PostgreSQL takes no key that others may read, or that others own.
const WITH_KEY = `install -m 600 ${TLS_FOLDER}/server.key /tmp/server.key && exec entrypoint.sh "$@"`;
const TLS_ARGS = Object.entries({
  ssl: "on",
  ssl_cert_file: `${TLS_FOLDER}/server.crt`,
  ssl_key_file: "/tmp/server.key",
  hba_file: `${TLS_FOLDER}/pg_hba.conf`,
}).flatMap(([name, value]) => ["-c", `${name}=${value}`]);

/** A PostgreSQL of the project's image on a free port of 127.0.0.1; every user comes in without a password. */
export interface Postgresql extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Of the process whose descendants its processes are; another after `start`. */
  readonly pid: number;
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

/**
 * @param certificate with it clients may ask for TLS
 * @param settings by the names of postgresql.conf
 */
export async function startPostgresql(
  certificate?: ServerCertificate,
  settings: Readonly<Record<string, string>> = {},
): Promise<Postgresql> {
  const [port = 0] = await freePorts(1);
  const data = await ownedFolder();
  const socket = await ownedFolder();
  const tls = await ownedFolder();
  if (certificate !== undefined) await writeTlsFiles(tls, certificate);
  const all = { listen_addresses: HOST, port: String(port), max_connections: "300", ...settings };
  const args = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  let container: Container | undefined;

  const start = async (): Promise<void> => {
    container = await startContainer({
      image: "postgresql",
      ...(certificate === undefined ? { args } : { command: ["sh", "-c", WITH_KEY, "sh", ...args, ...TLS_ARGS] }),
      environment: { POSTGRES_HOST_AUTH_METHOD: "trust" },
      mounts: { [data]: "/var/lib/postgresql/data", [socket]: "/run/postgresql", [tls]: TLS_FOLDER },
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
    await removeFolder(tls);
  };

  await start().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    host: HOST,
    port,
    get pid() {
      return container?.pid ?? 0;
    },
    url: (database, user) => postgresqlUrl(port, database, user),
    createDatabase: (name) => query(port, `CREATE DATABASE "${name}"`),
    start,
    down,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function writeTlsFiles(folder: string, { certificate, key }: ServerCertificate): Promise<void> {
  const files = { "server.crt": certificate, "server.key": key, "pg_hba.conf": HBA };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
}

/** Runs one statement as superuser in the database `postgres`. */
export async function query(port: number, statement: string): Promise<void> {
  const client = new Client({ connectionString: postgresqlUrl(port, "postgres") });
  // A server that ends while no statement runs must not end this process.
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
