import { readFile } from "node:fs/promises";
import { join } from "node:path";

export type Env = Readonly<Record<string, string | undefined>>;

/** The service was started with settings it cannot run with; the message says which and what to set. */
export class SettingsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SettingsError";
  }
}

/** The value of an environment variable. Throws SettingsError when it is not set. */
export function required(env: Env, name: string, meaning: string): string {
  const value = env[name];
  if (value === undefined || value === "") throw new SettingsError(`set ${name}: ${meaning}`);
  return value;
}

/** A TCP port from an environment variable; 0 lets the system choose. */
export function portOf(env: Env, name: string, fallback: number): number {
  const port = Number(env[name] ?? fallback);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new SettingsError(`set ${name} to a port number between 0 and 65535; it is ${env[name]}`);
}

/** The text of a mounted Secret's key without its last line break. */
export async function readSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trimEnd();
  } catch (error) {
    throw new SettingsError(`cannot read the secret file ${path}`, { cause: error });
  }
}

export interface BrokerSettings {
  readonly url: string;
  /** A folder with the files `username` and `password`. */
  readonly credentialsDir: string;
}

export function brokerSettings(env: Env): BrokerSettings {
  return {
    url: required(env, "BROKER_URL", "the broker's address, amqp://host:5670/vhost"),
    credentialsDir: required(env, "BROKER_CREDENTIALS_DIR", "a folder with the files username and password"),
  };
}

export async function readCredentials(dir: string): Promise<{ username: string; password: string }> {
  return { username: await readSecret(join(dir, "username")), password: await readSecret(join(dir, "password")) };
}
