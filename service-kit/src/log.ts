import { type Logger, pino } from "pino";
import { sqlState } from "./database.ts";

export type { Logger };

/** Members of a log line that name somebody, of which the end is enough to find them again, by any depth of one. */
const IDENTITIES = ["subscriberId", "deviceId", "macAddress", "recordId"];
/** Members of a log line that nobody may see. */
const SECRETS = [
  "accessToken",
  "refreshToken",
  "password",
  "credential",
  "clientFirst",
  "clientFinal",
  "authorization",
];
const SHOWN = 3;
/** Values that a statement was given, which PostgreSQL quotes in messages of this class. */
const DATA_EXCEPTION = /^22/;

/** The end of an identity, such as `…731` for `box-11731`: enough to compare, too little to know whose it is. */
export function masked(identity: string): string {
  return `…${identity.slice(-Math.min(SHOWN, identity.length >> 1))}`;
}

/** Secrets are left out, identities shortened, at the top of a line and one level below. */
const REDACTION = {
  paths: [...IDENTITIES, ...SECRETS].flatMap((member) => [member, `*.${member}`]),
  censor: (value: unknown, path: string[]): string =>
    IDENTITIES.includes(path.at(-1) ?? "") && typeof value === "string" ? masked(value) : "…",
};

export interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack: string;
  readonly cause?: LoggedError;
  readonly [member: string]: unknown;
}

/**
 * What is logged of an error: what kind it is and where it was, but not the other members that libraries give theirs. Those of
 * PostgreSQL's `detail` and `where` have the row in them.
 */
export function loggedError(error: unknown): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error), stack: "" };
  const { name, code, cause } = error as Error & { readonly code?: unknown };
  const quotes = DATA_EXCEPTION.test(sqlState(error) ?? "");
  const clean = (text: string): string => (quotes ? text.replace(/"[^"]*"/g, '"…"') : text);
  return {
    type: error.constructor.name || name,
    message: clean(error.message),
    ...(typeof code === "string" ? { code } : {}),
    stack: clean(error.stack ?? ""),
    ...(cause === undefined ? {} : { cause: loggedError(cause) }),
  };
}

/**
 * The log of a service.
 * @param level pino's name of the least that is logged
 * @param to where lines go instead of standard output
 */
export function createLog(level: string, to?: { write(line: string): void }): Logger {
  const options = { level, base: null, serializers: { err: loggedError }, redact: REDACTION };
  return to === undefined ? pino(options) : pino(options, to);
}
