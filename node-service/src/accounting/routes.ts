import { AccountingReport, recordIdOf, reportFaults } from "@aaa-cluster/contract";
import { Problem } from "@aaa-cluster/service-kit";
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import type { Admission } from "../admission/admission.ts";
import type { Metrics } from "../metrics.ts";
import type { Partition } from "../partition/partition.ts";
import { neverSynced } from "../partition/staleness.ts";
import { AccessToken } from "../signing-keys.ts";
import type { Tokens } from "../tokens.ts";
import type { GroupCommit } from "./group-commit.ts";

export const AccountingRequest = Type.Object(
  { accessToken: AccessToken, ...AccountingReport.properties },
  { additionalProperties: false },
);
const AccountingAnswer = Type.Object({ recordId: Type.String() });

export interface AccountingRouteDeps {
  readonly admission: Admission;
  readonly groupCommit: GroupCommit;
  readonly tokens: Tokens;
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
  const { admission, groupCommit, tokens, partition, metrics, onAccepted, now } = deps;
  return async (app) => {
    app.addHook("onRequest", (_request, reply, done) => {
      if (groupCommit.isFull) admission.shed(reply, "accounting");
      else done();
    });
    app.post<{ Body: Type.Static<typeof AccountingRequest> }>(
      "/v1/accounting",
      { schema: { body: AccountingRequest, response: { 200: AccountingAnswer } } },
      async ({ body: { accessToken, ...report } }, reply) => {
        // Before that its tables may not be there.
        if (!partition.everSynced) throw neverSynced();
        const faults = reportFaults(report);
        if (faults.length > 0) throw new Problem(400, "invalid-request", "the record is not one", faults);
        const { subscriberId, deviceId } = tokens.bearerOf(accessToken, now());
        const recordId = recordIdOf({ subscriberId, deviceId }, report);
        const record = { recordId, partition: partition.name, subscriberId, deviceId, ...report };
        const acceptance = await groupCommit.accept(record);
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
