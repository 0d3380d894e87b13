import { readGauges } from "@aaa-cluster/service-kit";
import { Counter, type Registry } from "prom-client";
import type { ReadModel } from "./read-model.ts";

/** Tells at every scrape how large a read model is, and how often it was enough. */
export function measureReadModel(registry: Registry, readModel: ReadModel): void {
  const gauge = readGauges(registry);
  gauge("aaa_node_read_model_pieces", "Accounts, devices and offerings in memory", () => readModel.size.pieces);
  gauge("aaa_node_read_model_bytes", "The memory that they take, as estimated", () => readModel.size.bytes);
  new Counter({
    name: "aaa_node_reads_total",
    help: "Questions of boxes that were answered from memory, or only after the database was read",
    labelNames: ["from"],
    registers: [registry],
    collect() {
      this.reset();
      this.inc({ from: "memory" }, readModel.answers.hit);
      this.inc({ from: "database" }, readModel.answers.miss);
    },
  });
}
