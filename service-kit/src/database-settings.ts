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
  /** PEM file of the CAs to believe; without it the public ones. */
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

/** As libpq: `require` verifies nothing unless it is given CAs, and a socket is never encrypted. */
function tlsOptions({ host, sslMode, sslRootCert }: DatabaseSettings): ConnectionOptions | false {
  if (sslMode === "disable" || host.startsWith("/")) return false;
  const anyName = sslMode === "verify-full" ? {} : { checkServerIdentity: () => undefined };
  if (sslRootCert === undefined) return { rejectUnauthorized: sslMode !== "require", ...anyName };
  let known = readAuthorities(sslRootCert);
  return {
    rejectUnauthorized: true,
    ...anyName,
    // pg asks once for each connection, and can wait for no answer and take no error.
    get ca(): string {
      try {
        known = readAuthorities(sslRootCert);
      } catch {}
      return known;
    },
  };
}

function readAuthorities(path: string): string {
  try {
    const text = readFileSync(path, "utf8");
    if (text.includes("BEGIN CERTIFICATE")) return text;
  } catch (error) {
    throw new SettingsError(`cannot read the CA file ${path}, which PGSSLROOTCERT names`, { cause: error });
  }
  throw new SettingsError(`there is no certificate in ${path}, which PGSSLROOTCERT names`);
}
