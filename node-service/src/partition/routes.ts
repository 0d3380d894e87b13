import { digestText, Problem } from "@aaa-cluster/service-kit";
import type { FastifyInstance } from "fastify";
import type pg from "pg";
import { readDatabaseVersion } from "../reads.ts";
import type { Partition } from "./partition.ts";

/** Where this node is in the stream, for the operator and for people. */
export function partitionRoute(pool: pg.Pool, partition: Partition): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.get("/v1/partition", async () => {
      const databaseVersion = await readDatabaseVersion(pool);
      if (!partition.located) throw new Problem(503, "starting", "this node has not read its database yet; ask again");
      return {
        name: partition.name,
        queue: partition.queue,
        epoch: partition.watermark.epoch.toString(),
        sequence: partition.watermark.sequence.toString(),
        digest: digestText(partition.digest),
        differs: partition.differs,
        lag: partition.lag,
        lagSeconds: partition.lagSeconds,
        behind: partition.behind,
        consuming: partition.consuming,
        synced: partition.synced,
        databaseVersion,
      };
    });
  };
}
