import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Partition } from "./partition.ts";

export interface Metrics {
  readonly registry: Registry;
  readonly applied: Counter;
  readonly dropped: Counter;
  readonly quarantined: Counter;
  readonly resyncs: Counter<"reason">;
  readonly proofs: Counter<"result">;
  readonly authentications: Counter<"result">;
  readonly authorizations: Counter<"reason">;
}

export function createMetrics(partition: Partition): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  const counter = <T extends string>(name: string, help: string, labelNames: T[] = []): Counter<T> =>
    new Counter({ name, help, labelNames, registers: [registry] });

  gauge("aaa_node_epoch", "The epoch of the watermark", () => Number(partition.watermark.epoch));
  gauge("aaa_node_sequence", "Every change up to here is in the database", () => Number(partition.watermark.sequence));
  gauge("aaa_node_lag", "Messages in the partition queue that are not in the database", () => partition.lag);
  gauge(
    "aaa_node_lag_seconds",
    "Since the node was last known to have every change; 0 while it has",
    () => partition.lagSeconds,
  );
  gauge("aaa_node_synced", "1 while the node follows the stream", () => Number(partition.synced));
  return {
    registry,
    applied: counter("aaa_node_applied_total", "Changes put into the database"),
    dropped: counter(
      "aaa_node_dropped_total",
      "Messages that changed nothing: duplicates, and replaced relays' messages",
    ),
    quarantined: counter("aaa_node_quarantined_total", "Messages set aside because they cannot be applied"),
    proofs: counter("aaa_node_proofs_total", "Comparisons of this node's content digest with that of OSS", ["result"]),
    resyncs: counter("aaa_node_resyncs_total", "Snapshots asked for", ["reason"]),
    authentications: counter("aaa_node_authentications_total", "Second steps of authentication", ["result"]),
    authorizations: counter("aaa_node_authorizations_total", "Authorizations", ["reason"]),
  };
}
