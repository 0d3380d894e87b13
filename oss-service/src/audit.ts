import { setTimeout as sleep } from "node:timers/promises";
import { digestOfTable, type Logger, type SessionContext, transaction } from "@aaa-cluster/service-kit";
import type pg from "pg";
import type { Metrics } from "./metrics.ts";
import type { RelayDuty } from "./relay.ts";

const EVERY_MS = 600_000;
const LOOK_MS = 1_000;
// Any number will do, as long as every replica takes the same one.
const AUDIT_LOCK = 4_611_003;

export interface AuditDeps {
  readonly pool: pg.Pool;
  readonly duty: RelayDuty;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Audits the content whenever this replica begins to relay, and from then on at intervals. */
export async function auditSession(
  { pool, duty, metrics, log }: AuditDeps,
  { signal, ready }: SessionContext,
): Promise<void> {
  ready();
  let audited: { readonly term: RelayDuty["session"]; readonly at: number } = { term: null, at: 0 };
  for (;;) {
    const { relaying, session: term } = duty;
    const now = performance.now();
    if (relaying && (term !== audited.term || now - audited.at >= EVERY_MS)) {
      if (await auditContent(pool)) {
        metrics.foreignWrites.inc();
        log.warn(
          "somebody else has written to the entities: every node will find itself different and take a snapshot",
        );
      }
      audited = { term, at: now };
    }
    await sleep(LOOK_MS, undefined, { signal });
  }
}

/**
 * Compares the digest of the stream with what is in the database, and sets it right where they differ, because somebody
 * wrote there by other ways than this service. The nodes, which do not have that, then find themselves different.
 * @returns whether they differed
 */
export function auditContent(pool: pg.Pool): Promise<boolean> {
  return transaction(pool, async (client) => {
    await client.query("select pg_advisory_xact_lock($1)", [AUDIT_LOCK]);
    // A difference stays what it is whatever is committed between the two statements.
    const { rows } = await client.query<{ difference: string }>(
      `select digest # ${digestOfTable("entities")} as difference from stream`,
    );
    const { difference = "0" } = rows[0] ?? {};
    if (difference !== "0") await client.query("update stream set digest = digest # $1", [difference]);
    return difference !== "0";
  });
}
