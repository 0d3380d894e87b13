import { UserError } from "../../lib/errors.ts";
import { rounded } from "../../lib/statistics.ts";
import { step } from "../../lib/steps.ts";
import { removeAbandonedFolders } from "../../services/folders.ts";
import { startPostgresql } from "../../services/postgresql.ts";
import { startRabbitmq } from "../../services/rabbitmq.ts";
import { resync } from "./ours.ts";
import { dumpAndRestore } from "./peer.ts";

const ENTITIES = Number(process.env.ENTITIES ?? 1_000_000);
const TENTH = Math.ceil(ENTITIES / 10);

/**
 * An empty node that becomes synced with an OSS that has 1,000,000 entities, beside `pg_dump | psql` of the same table
 * between the same servers. ENTITIES changes how many. The node's time begins with its process, and holds its migrations
 * and the proof that its content is that of OSS; the other's begins with `pg_dump`. What either makes has the
 * same rows and indexes as where it comes from. With a tenth of the entities the memory is measured once more.
 */
export async function bench(): Promise<object> {
  if (process.platform !== "linux") throw new UserError("this bench reads /proc", "run it on Linux");
  await removeAbandonedFolders();
  await using rabbitmq = await step("Start RabbitMQ", () => startRabbitmq());
  await using ossServer = await step("Start PostgreSQL for OSS", () => startPostgresql());
  await using nodeServer = await step("Start PostgreSQL for the node", () => startPostgresql());
  const tenth = await step(`${TENTH} entities`, () =>
    resync(rabbitmq, ossServer, nodeServer, TENTH, async (figures) => figures),
  );
  const { peerSeconds, ...whole } = await step(`${ENTITIES} entities`, () =>
    resync(rabbitmq, ossServer, nodeServer, ENTITIES, async (figures) => {
      const peerSeconds = await step("pg_dump | psql", () =>
        dumpAndRestore(figures.ossDatabase, nodeServer, "entities"),
      );
      return { ...figures, peerSeconds };
    }),
  );
  return {
    time_ratio: rounded(whole.seconds / peerSeconds),
    seconds: rounded(whole.seconds),
    peer_seconds: rounded(peerSeconds),
    entities_per_s: rounded(ENTITIES / whole.seconds),
    oss_rss_mb: rounded(whole.ossRssMb),
    node_rss_mb: rounded(whole.nodeRssMb),
    tenth_oss_rss_mb: rounded(tenth.ossRssMb),
    tenth_node_rss_mb: rounded(tenth.nodeRssMb),
    entities: ENTITIES,
  };
}
