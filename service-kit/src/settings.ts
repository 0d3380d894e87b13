import { readFile } from "node:fs/promises";

export type Env = Readonly<Record<string, string | undefined>>;

/** The service was started with settings it cannot run with; the message says which and what to set. */
export class SettingsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SettingsError";
  }
}

/** The value of an environment variable. Throws SettingsError when it is not set, or empty as a Secret's key may be. */
export function required(env: Env, name: string, meaning: string): string {
  const value = env[name]?.trim();
  if (value === undefined || value === "") throw new SettingsError(`set ${name}: ${meaning}`);
  return value;
}

/** A whole number from an environment variable. Throws SettingsError when it is another text, or out of the range. */
export function integerOf(env: Env, name: string, fallback: number, [min, max]: readonly [number, number]): number {
  const text = (env[name] ?? String(fallback)).trim();
  if (/^\d+$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  throw new SettingsError(`set ${name} to a whole number between ${min} and ${max}; it is "${text}"`);
}

/** The TCP port to listen on, from an environment variable; 0 lets the system choose. */
export function portOf(env: Env, name: string, fallback: number): number {
  return integerOf(env, name, fallback, [0, 65_535]);
}

/** One of a few words from an environment variable. Throws SettingsError when it is another one. */
export function wordOf<T extends string>(env: Env, name: string, fallback: T, words: readonly T[]): T {
  const text = env[name]?.trim() || fallback;
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  throw new SettingsError(`set ${name} to one of ${words.join(", ")}; it is "${text}"`);
}

/** The text of a mounted Secret's key without its last line break. */
export async function readSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trimEnd();
  } catch (error) {
    throw new SettingsError(`cannot read the secret file ${path}`, { cause: error });
  }
}
