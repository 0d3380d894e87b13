import { readGauges } from "@aaa-cluster/service-kit";
import type { Registry } from "prom-client";
import type { GroupCommit } from "../accounting/group-commit.ts";
import type { Admission } from "./admission.ts";

/** What waits at this moment, for the scrape. */
export function measureQueues(registry: Registry, admission: Admission, groupCommit: GroupCommit): void {
  const gauge = readGauges(registry);
  gauge("aaa_node_requests_in_progress", "Requests of boxes that wait for the database", () => admission.inProgress);
  gauge("aaa_node_accounting_waiting", "Accounting records that wait to be committed", () => groupCommit.waiting);
}
