import { type AccountingRecord, AccountingReport, recordIdOf } from "@aaa-cluster/contract";
import { isDataError, Problem } from "@aaa-cluster/service-kit";
import type { FastifyInstance } from "fastify";
import type pg from "pg";
import Type from "typebox";
import type { Metrics } from "../metrics.ts";
import type { Partition } from "../partition/partition.ts";
import { neverSynced } from "../partition/staleness.ts";
import { AccessToken, identityOf, type SigningKeys } from "../signing-keys.ts";
import { type Acceptance, acceptRecord } from "./outbox.ts";

export const AccountingRequest = Type.Object(
  { accessToken: AccessToken, ...AccountingReport.properties },
  { additionalProperties: false },
);

export interface AccountingRouteDeps {
  readonly pool: pg.Pool;
  readonly keys: SigningKeys;
  readonly partition: Partition;
  readonly metrics: Metrics;
  /** Called when there is a new record to deliver. */
  readonly onAccepted: () => void;
  readonly now: () => Date;
}

/**
 * Takes accounting records from boxes. A 2xx means: committed here, and OSS will get it once. It takes no knowledge of
 * subscribers but the token, so a node that is behind takes records too, also of one that was suspended meanwhile.
 */
export function accountingRoutes(deps: AccountingRouteDeps): (app: FastifyInstance) => Promise<void> {
  const { pool, keys, partition, metrics, onAccepted, now } = deps;
  return async (app) => {
    app.post<{ Body: Type.Static<typeof AccountingRequest> }>(
      "/v1/accounting",
      { schema: { body: AccountingRequest } },
      async ({ body: { accessToken, ...report } }, reply) => {
        // Before that its tables may not be there.
        if (!partition.everSynced) throw neverSynced();
        const { subscriberId, deviceId } = await identityOf(keys, accessToken, now());
        const recordId = recordIdOf({ subscriberId, deviceId }, report);
        const record = { recordId, partition: partition.name, subscriberId, deviceId, ...report };
        const acceptance = await accept(pool, record);
        if (acceptance === "other") {
          throw new Problem(
            409,
            "other-record",
            `another record was accepted as ${recordId}; give each record of a session its own accountingRecordNumber, and send it again unchanged`,
          );
        }
        if (acceptance === "new") {
          metrics.accounting.inc({ acct_status_type: report.acctStatusType });
          onAccepted();
        }
        reply.header("aaa-partition", partition.name);
        return { recordId };
      },
    );
  };
}

async function accept(pool: pg.Pool, record: AccountingRecord): Promise<Acceptance> {
  try {
    return await acceptRecord(pool, record);
  } catch (error) {
    if (!isDataError(error)) throw error;
    throw new Problem(400, "invalid-request", "the record cannot be stored", [
      "/service: must not have the character U+0000 or half of a surrogate pair",
    ]);
  }
}
