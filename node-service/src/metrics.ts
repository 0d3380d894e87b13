import { type AcctStatusType, acctStatusTypes } from "@aaa-cluster/contract";
import { BATCH_SIZES, readGauges, SECONDS, type Tally, tally } from "@aaa-cluster/service-kit";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { type Reason, reasons } from "./authorization/access.ts";
import type { Partition } from "./partition/partition.ts";

const authenticationResults = ["accepted", "refused", "refreshed", "refresh-refused"] as const;

export interface Metrics {
  readonly registry: Registry;
  readonly applied: Counter;
  readonly batchSize: Histogram;
  readonly applySeconds: Histogram;
  readonly propagationSeconds: Histogram;
  readonly dropped: Counter;
  readonly quarantined: Counter;
  readonly unknownEntities: Counter;
  readonly resyncs: Counter<"reason">;
  readonly proofs: Counter<"result">;
  readonly authentications: Tally<(typeof authenticationResults)[number]>;
  readonly authorizations: Tally<Reason>;
  readonly shed: Counter<"reason">;
  readonly accounting: Tally<AcctStatusType>;
  readonly accountingGroupSize: Histogram;
  readonly accountingCommitSeconds: Histogram;
  readonly accountingRefused: Counter;
  readonly accountingConfirmSeconds: Histogram;
}

/**
 * @param readOutbox how many accounting records are undelivered, asked at every scrape; left out when it fails
 * @param areKeysBroken whether the file of signing keys cannot be used, asked at every scrape
 */
export function createMetrics(
  partition: Partition,
  readOutbox: () => Promise<number>,
  areKeysBroken: () => boolean,
): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = readGauges(registry);
  const counter = <T extends string>(name: string, help: string, labelNames: T[] = []): Counter<T> =>
    new Counter({ name, help, labelNames, registers: [registry] });

  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name, help, buckets, registers: [registry] });

  gauge("aaa_node_epoch", "The epoch of the watermark", () => Number(partition.watermark.epoch));
  gauge("aaa_node_sequence", "Every change up to here is in the database", () => Number(partition.watermark.sequence));
  gauge("aaa_node_lag", "Events that this node knows of and that are not in its database", () => partition.lag);
  gauge(
    "aaa_node_lag_seconds",
    "Since the node was last known to have every change; 0 while it has",
    () => partition.lagSeconds,
  );
  gauge("aaa_node_synced", "1 while the node follows the stream", () => Number(partition.synced));
  gauge("aaa_node_signing_keys_broken", "1 while the file of signing keys cannot be used and the old keys stay", () =>
    Number(areKeysBroken()),
  );
  new Gauge({
    name: "aaa_node_accounting_outbox",
    help: "Accounting records that the broker has not confirmed",
    registers: [registry],
    async collect() {
      const depth = await readOutbox().catch(() => null);
      if (depth === null) this.reset();
      else this.set(depth);
    },
  });
  return {
    registry,
    applied: counter("aaa_node_applied_total", "Changes put into the database"),
    batchSize: histogram("aaa_node_batch_size", "Events that one transaction takes", BATCH_SIZES),
    applySeconds: histogram(
      "aaa_node_apply_seconds",
      "From the delivery of a batch's first message to its commit",
      SECONDS,
    ),
    propagationSeconds: histogram(
      "aaa_node_propagation_seconds",
      "From when OSS took a change to its commit here, of the first of a batch, by the clocks of both machines",
      SECONDS,
    ),
    dropped: counter(
      "aaa_node_dropped_total",
      "Events and positions that changed nothing: duplicates, and those of replaced relays",
    ),
    quarantined: counter("aaa_node_quarantined_total", "Events set aside because they cannot be applied"),
    unknownEntities: counter(
      "aaa_node_unknown_entities_total",
      "Changes of entities that this version does not know and keeps for one that does",
    ),
    proofs: counter("aaa_node_proofs_total", "Comparisons of this node's content digest with that of OSS", ["result"]),
    resyncs: counter("aaa_node_resyncs_total", "Snapshots asked for", ["reason"]),
    authentications: tally(registry, {
      name: "aaa_node_authentications_total",
      help: "Second steps of authentication, and refreshed tokens",
      label: "result",
      values: authenticationResults,
    }),
    authorizations: tally(registry, {
      name: "aaa_node_authorizations_total",
      help: "Authorizations",
      label: "reason",
      values: reasons,
    }),
    shed: counter("aaa_node_shed_total", "Requests of boxes that were refused so that others are served", ["reason"]),
    accounting: tally(registry, {
      name: "aaa_node_accounting_records_total",
      help: "Accounting records accepted",
      label: "acct_status_type",
      values: acctStatusTypes,
    }),
    accountingGroupSize: histogram(
      "aaa_node_accounting_group_size",
      "Accounting records that are committed together",
      BATCH_SIZES,
    ),
    accountingCommitSeconds: histogram(
      "aaa_node_accounting_commit_seconds",
      "Committing accounting records that go together",
      SECONDS,
    ),
    accountingRefused: counter(
      "aaa_node_accounting_refused_total",
      "Accounting records that the broker did not take and that are sent again",
    ),
    accountingConfirmSeconds: histogram(
      "aaa_node_accounting_confirm_seconds",
      "From publishing an accounting record to the broker's confirm",
      SECONDS,
    ),
  };
}
