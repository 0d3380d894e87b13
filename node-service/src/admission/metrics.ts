import { Gauge, type Registry } from "prom-client";
import type { GroupCommit } from "../accounting/group-commit.ts";
import type { Admission } from "./admission.ts";

/** What waits at this moment, for the scrape. */
export function measureQueues(registry: Registry, admission: Admission, groupCommit: GroupCommit): void {
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge("aaa_node_requests_in_progress", "Requests of boxes that are being worked on", () => admission.inProgress);
  gauge("aaa_node_accounting_waiting", "Accounting records that wait to be committed", () => groupCommit.waiting);
}
