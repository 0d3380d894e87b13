import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Env, readSecret, required, SettingsError } from "./settings.ts";

const PORTS: Readonly<Record<string, number>> = { "amqp:": 5672, "amqps:": 5671 };

export interface BrokerSettings {
  readonly protocol: "amqp" | "amqps";
  readonly host: string;
  readonly port: number;
  readonly vhost: string;
  /** A folder with the files `username` and `password`, and for amqps `ca.crt` unless the CA is a public one. */
  readonly credentialsDir: string;
}

export interface BrokerCredentials {
  readonly username: string;
  readonly password: string;
  /** PEM of the CAs to believe; null for the public ones. */
  readonly ca: string | null;
}

/** Reads BROKER_URL and BROKER_CREDENTIALS_DIR. Throws SettingsError. */
export function brokerSettings(env: Env): BrokerSettings {
  const meaning = "the broker's address, amqp://host:5670/vhost or amqps://host:5671/vhost";
  const { protocol, hostname, port, pathname, username, password } = parse(required(env, "BROKER_URL", meaning));
  if (username !== "" || password !== "") {
    throw new SettingsError(
      "take the user and the password out of BROKER_URL: they belong into the files username and password in BROKER_CREDENTIALS_DIR",
    );
  }
  const defaultPort = PORTS[protocol];
  if (defaultPort === undefined || hostname === "") throw new SettingsError(`set BROKER_URL: ${meaning}`);
  return {
    protocol: protocol === "amqps:" ? "amqps" : "amqp",
    host: hostname,
    port: port === "" ? defaultPort : Number(port),
    vhost: decodeURIComponent(pathname.slice(1)) || "/",
    credentialsDir: required(env, "BROKER_CREDENTIALS_DIR", "a folder with the files username and password"),
  };
}

function parse(text: string): URL {
  try {
    return new URL(text);
  } catch (error) {
    throw new SettingsError("BROKER_URL is not a URL", { cause: error });
  }
}

/** Reads the files of BROKER_CREDENTIALS_DIR as they are now. Throws SettingsError when user or password is missing. */
export async function readCredentials(dir: string): Promise<BrokerCredentials> {
  const [username, password, ca] = await Promise.all([
    readSecret(join(dir, "username")),
    readSecret(join(dir, "password")),
    readAuthority(join(dir, "ca.crt")),
  ]);
  return { username, password, ca };
}

/** An empty file is none: issuers of certificates that everybody believes leave it so. */
async function readAuthority(path: string): Promise<string | null> {
  try {
    return (await readFile(path, "utf8")).trim() || null;
  } catch (error) {
    if (Object(error).code === "ENOENT") return null;
    throw new SettingsError(`cannot read the CA file ${path}`, { cause: error });
  }
}
