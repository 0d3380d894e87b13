import { AccountingRecord, AccountingReport, recordIdOf, reportFaults } from "@aaa-cluster/contract";
import { Problem } from "@aaa-cluster/service-kit";
import Type from "typebox";
import { type BoxRoutes, boxRoute } from "../box-http/route.ts";
import type { Metrics } from "../metrics.ts";
import type { Partition } from "../partition/partition.ts";
import { neverSynced } from "../partition/staleness.ts";
import { AccessToken } from "../signing-keys.ts";
import type { Tokens } from "../tokens.ts";
import type { Acceptance } from "./group.ts";
import type { GroupCommit } from "./group-commit.ts";

/** How many records one request may have: as many as a box writes while it has no network for hours. */
const MOST_RECORDS = 100;

const strict = { additionalProperties: false };

export const AccountingRequest = Type.Object({ accessToken: AccessToken, ...AccountingReport.properties }, strict);
export const AcceptedRecord = Type.Object({ recordId: AccountingRecord.properties.recordId });

export const AccountingListRequest = Type.Object(
  {
    accessToken: AccessToken,
    records: Type.Array(Type.Object(AccountingReport.properties, strict), { minItems: 1, maxItems: MOST_RECORDS }),
  },
  strict,
);
/** In the order of the request. */
export const AcceptedRecords = Type.Object({ recordIds: Type.Array(AccountingRecord.properties.recordId) });

export interface AccountingRouteDeps {
  readonly groupCommit: GroupCommit;
  readonly tokens: Tokens;
  readonly partition: Partition;
  readonly metrics: Metrics;
  /** Called when there is a new record to deliver. */
  readonly onAccepted: () => void;
  readonly now: () => Date;
}

/**
 * Takes accounting records from boxes. A 2xx means: committed here, and OSS will get each once. It takes no knowledge of
 * subscribers but the token, so a node that is behind takes records too, also of one that was suspended meanwhile.
 */
export function accountingRoutes(deps: AccountingRouteDeps): BoxRoutes {
  const { groupCommit, tokens, partition, metrics, onAccepted, now } = deps;
  const head = ["aaa-partition", partition.name];

  /** The ids of records that are all committed, however often they were sent. Throws Problem when one is not. */
  const acceptAll = async (accessToken: string, reports: readonly AccountingReport[]): Promise<string[]> => {
    const { subscriberId, deviceId } = tokens.bearerOf(accessToken, now());
    const records = reports.map((report) => {
      const recordId = recordIdOf({ subscriberId, deviceId }, report);
      return { recordId, partition: partition.name, subscriberId, deviceId, ...report };
    });
    const acceptances = await groupCommit.accept(records);
    const those = (acceptance: Acceptance) => records.filter((_record, index) => acceptances[index] === acceptance);
    const taken = those("new");
    for (const { acctStatusType } of taken) metrics.accounting[acctStatusType] += 1;
    if (taken.length > 0) onAccepted();
    const others = those("other");
    if (others.length > 0) throw otherRecords(others);
    return records.map(({ recordId }) => recordId);
  };

  return {
    hasQueue: true,
    refusal: () => {
      if (groupCommit.isFull) return "accounting";
      // Before that the tables may not be there.
      return partition.everSynced ? null : neverSynced();
    },
    head: () => head,
    routes: [
      boxRoute("/v1/accounting", AccountingRequest, async ({ accessToken, ...report }) => {
        refuse(reportFaults(report));
        const [recordId] = await acceptAll(accessToken, [report]);
        return { recordId };
      }),
      boxRoute("/v1/accounting/list", AccountingListRequest, async ({ accessToken, records }) => {
        refuse(records.flatMap((report, index) => reportFaults(report).map((fault) => faultAt(index, fault))));
        return { recordIds: await acceptAll(accessToken, records) };
      }),
    ],
  };
}

function refuse(faults: readonly string[]): void {
  if (faults.length > 0) throw new Problem(400, "invalid-request", "the record is not one", faults);
}

const faultAt = (index: number, fault: string): string =>
  `/records/${index}${fault.startsWith("/") ? "" : ": "}${fault}`;

function otherRecords(records: readonly AccountingRecord[]): Problem {
  const ids = records.map(({ recordId }) => recordId).join(", ");
  return new Problem(
    409,
    "other-record",
    `another record was accepted as ${ids}; give each record of a session its own accountingRecordNumber, and send it again unchanged`,
  );
}
