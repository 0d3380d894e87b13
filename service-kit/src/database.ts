import pg from "pg";
import { connectionOptions, type DatabaseSettings } from "./database-settings.ts";
import type { Logger } from "./log.ts";

// Connection exceptions, refused logins (as while a password is changed), insufficient resources, operator
// intervention, system errors.
const AWAY_STATES = /^(08|28|53|57|58)/;
// What pg says when a connection breaks or hangs; it gives these errors no code.
const CONNECTION_LOST =
  /^(Connection terminated|timeout exceeded|Client has encountered a connection error|Query read timeout)/;

/**
 * For the sessions of a pool whose statements all find what they need by key. Each is planned once, without a look at the
 * tables or the parameters: planning costs more than running it, and a plan that was made while a table held a few rows
 * and reads all of it would do so until PostgreSQL next looks at the table.
 */
export const BY_KEY = [
  "plan_cache_mode=force_generic_plan",
  "enable_seqscan=off",
  "enable_hashjoin=off",
  "enable_mergejoin=off",
  // A table of one row is read whole all the same, and what is switched off counts as so dear that it would be compiled.
  "jit=off",
]
  .map((setting) => `-c ${setting}`)
  .join(" ");

/** For sessions that do not wait until their commits are on disk. Others see them at once. */
export const UNFLUSHED = "-c synchronous_commit=off";

/** @param options what the server is told for every session of the pool, as `BY_KEY` */
export async function createPool(settings: DatabaseSettings, max: number, log: Logger, options = ""): Promise<pg.Pool> {
  const pool = new pg.Pool({ ...(await connectionOptions(settings)), max, options });
  pool.on("error", (error) => log.debug({ err: error }, "an idle database connection was lost"));
  return pool;
}

/** Runs `work` in one transaction. When it throws, nothing of it is kept and the error is passed on. */
export async function transaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  begin = "begin",
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // The statement that fails says so; without a listener the event that comes with it would end the process.
  const lost = (error: Error): void => {
    broken = error;
  };
  client.on("error", lost);
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback").catch(lost);
    throw error;
  } finally {
    if (broken === undefined) client.off("error", lost);
    client.release(broken);
  }
}

/** The SQLSTATE of a database error, or null for any other error. */
export function sqlState(error: unknown): string | null {
  return error instanceof pg.DatabaseError ? (error.code ?? null) : null;
}

/** Whether the database cannot be reached or cannot serve now, so that the same statement may succeed later. */
export function isDatabaseAway(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== null) return AWAY_STATES.test(state);
  const { syscall, message } = Object(error);
  return syscall !== undefined || CONNECTION_LOST.test(message);
}

/** Whether the database refused a value, so that trying again cannot help. */
export function isDataError(error: unknown): boolean {
  return /^(22|23)/.test(sqlState(error) ?? "");
}
