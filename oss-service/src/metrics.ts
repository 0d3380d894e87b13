import { BATCH_SIZES, SECONDS } from "@aaa-cluster/service-kit";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { StreamState } from "./sql.ts";

export interface Metrics {
  readonly registry: Registry;
  readonly commitSeconds: Histogram;
  readonly relaySeconds: Histogram;
  readonly relayBatchSize: Histogram;
  readonly confirmSeconds: Histogram;
  readonly unroutable: Counter;
  readonly snapshots: Counter<"result">;
  readonly changes: Counter<"entity">;
  readonly accountingStored: Counter;
  readonly accountingQuarantined: Counter;
  readonly foreignWrites: Counter;
}

/** @param readStream asked at every scrape; when it fails the stream's numbers are left out */
export function createMetrics(readStream: () => Promise<StreamState>): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const published = new Gauge({
    name: "aaa_oss_published_sequence",
    help: "Up to here every event was confirmed by the broker",
    registers,
  });
  const epoch = new Gauge({ name: "aaa_oss_epoch", help: "The epoch of the current relay", registers });
  const outbox = new Gauge({
    name: "aaa_oss_outbox",
    help: "Events that are committed and not yet known to be with the broker",
    registers,
  });
  new Gauge({
    name: "aaa_oss_sequence",
    help: "The last sequence number given to a committed change",
    registers,
    async collect() {
      const state = await readStream().catch(() => null);
      if (state === null) return;
      this.set(Number(state.sequence));
      published.set(Number(state.published));
      epoch.set(Number(state.epoch));
      outbox.set(Number(BigInt(state.sequence) - BigInt(state.published)));
    },
  });
  return {
    registry,
    commitSeconds: new Histogram({
      name: "aaa_oss_commit_seconds",
      help: "From taking a request to its commit",
      buckets: SECONDS,
      registers,
    }),
    relaySeconds: new Histogram({
      name: "aaa_oss_relay_seconds",
      help: "From taking a change to publishing it",
      buckets: SECONDS,
      registers,
    }),
    relayBatchSize: new Histogram({
      name: "aaa_oss_relay_batch_size",
      help: "Events that are published at a time",
      buckets: BATCH_SIZES,
      registers,
    }),
    confirmSeconds: new Histogram({
      name: "aaa_oss_confirm_seconds",
      help: "From publishing an event to the broker's confirm",
      buckets: SECONDS,
      registers,
    }),
    unroutable: new Counter({
      name: "aaa_oss_unroutable_total",
      help: "Broadcasts that reached no queue because no node has one yet",
      registers,
    }),
    snapshots: new Counter({
      name: "aaa_oss_snapshots_total",
      help: "Snapshots by how they ended",
      labelNames: ["result"],
      registers,
    }),
    changes: new Counter({
      name: "aaa_oss_changes_total",
      help: "Committed changes",
      labelNames: ["entity"],
      registers,
    }),
    accountingStored: new Counter({
      name: "aaa_oss_accounting_records_total",
      help: "Accounting records stored, each once",
      registers,
    }),
    accountingQuarantined: new Counter({
      name: "aaa_oss_accounting_quarantined_total",
      help: "Accounting messages set aside because they cannot be stored",
      registers,
    }),
    foreignWrites: new Counter({
      name: "aaa_oss_foreign_writes_total",
      help: "Audits that found the entities changed by somebody else",
      registers,
    }),
  };
}
