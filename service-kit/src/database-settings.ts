import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import type pg from "pg";
import { type Env, integerOf, readSecret, required, SettingsError, wordOf } from "./settings.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const SSL_MODES = ["disable", "require", "verify-ca", "verify-full"] as const;

/** The settings that libpq knows by the same names in capitals: PGHOST, PGPORT, and so on. */
export interface DatabaseSettings {
  /** A host name, an address, or the folder of a socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly sslMode: (typeof SSL_MODES)[number];
  /** PEM file of the CAs to believe; the public ones when there is no such file. */
  readonly sslRootCert?: string | undefined;
  readonly passwordFile?: string | undefined;
}

/** Reads PGHOST, PGPORT, PGDATABASE, PGUSER, PGSSLMODE, PGSSLROOTCERT and DATABASE_PASSWORD_FILE. Throws SettingsError. */
export function databaseSettings(env: Env): DatabaseSettings {
  if (env.PGSSLMODE === "prefer" || env.PGSSLMODE === "allow") {
    throw new SettingsError(
      `PGSSLMODE is ${env.PGSSLMODE}, which may send everything in plain text; set it to ${SSL_MODES.join(", ")}`,
    );
  }
  return {
    host: required(env, "PGHOST", "the database's host, or the folder of its socket"),
    port: integerOf(env, "PGPORT", 5432, [1, 65_535]),
    database: required(env, "PGDATABASE", "the database's name"),
    user: required(env, "PGUSER", "the user to connect to the database as"),
    sslMode: wordOf(env, "PGSSLMODE", "disable", SSL_MODES),
    sslRootCert: env.PGSSLROOTCERT || undefined,
    passwordFile: env.DATABASE_PASSWORD_FILE || undefined,
  };
}

/**
 * What a client of pg takes. Password and CAs are read anew for every connection that is made with it. Throws
 * SettingsError when they cannot be read now.
 */
export async function connectionOptions(settings: DatabaseSettings): Promise<pg.ClientConfig> {
  const { host, port, database, user, passwordFile } = settings;
  if (passwordFile !== undefined) await readSecret(passwordFile);
  return {
    host,
    port,
    database,
    user,
    ...(passwordFile === undefined ? {} : { password: () => readSecret(passwordFile) }),
    ssl: tlsOptions(settings),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  };
}

/** As libpq: `require` verifies nothing unless there are CAs, and a socket is never encrypted. */
function tlsOptions({ host, sslMode, sslRootCert }: DatabaseSettings): ConnectionOptions | false {
  if (sslMode === "disable" || host.startsWith("/")) return false;
  let known = readAuthorities(sslRootCert);
  return {
    rejectUnauthorized: sslMode !== "require" || known !== undefined,
    ...(sslMode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
    // pg asks once for each connection, and can wait for no answer and take no error.
    get ca(): string | undefined {
      try {
        known = readAuthorities(sslRootCert) ?? known;
      } catch {}
      return known;
    },
  };
}

/** PEM of the CAs in a file. Undefined when there is no such file or it is empty: a Secret need not have one. */
function readAuthorities(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const text = readIfThere(path).trim();
  if (text === "" || text.includes("BEGIN CERTIFICATE")) return text || undefined;
  throw new SettingsError(`there is no certificate in ${path}, which PGSSLROOTCERT names`);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (Object(error).code === "ENOENT") return "";
    throw new SettingsError(`cannot read the CA file ${path}, which PGSSLROOTCERT names`, { cause: error });
  }
}
