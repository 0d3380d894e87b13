import { BY_KEY, type Env, integerOf } from "@aaa-cluster/service-kit";

/** With a connection that must be made first it is less than a box waits. A gateway asks another node before, which is harmless. */
const COMMIT_SECONDS = 4;

/** Reads ACCOUNTING_COMMIT_SECONDS. Throws SettingsError. */
export function commitTimeoutMs(env: Env): number {
  return integerOf(env, "ACCOUNTING_COMMIT_SECONDS", COMMIT_SECONDS, [1, 60]) * 1000;
}

/**
 * What the server is told for the sessions that commit records: what it has answered is on the disk, whatever its own default; and
 * nobody waits for what takes longer, so it may cease.
 */
export const durable = (timeoutMs: number): string =>
  `${BY_KEY} -c synchronous_commit=on -c statement_timeout=${timeoutMs}`;
