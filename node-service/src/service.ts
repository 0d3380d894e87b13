import { DEFAULT_OSS_EXCHANGE, describeErrors } from "@aaa-cluster/contract";
import {
  brokerSettings,
  createHttp,
  createPool,
  databaseSettings,
  type Env,
  portOf,
  type RunningService,
  readSecret,
  required,
  runForever,
} from "@aaa-cluster/service-kit";
import { type ConsumerDeps, partitionSession } from "./consumer.ts";
import { createMetrics } from "./metrics.ts";
import { Partition } from "./partition.ts";
import { readDatabaseVersion } from "./reads.ts";
import { boxRoutes, partitionRoute } from "./routes.ts";
import { SigningKeys } from "./signing-keys.ts";
import { refusalOf, stalenessLimit } from "./staleness.ts";

const READ_CONNECTIONS = 8;
// One would do; the second lets a new session start while a lost connection of the last one times out.
const WRITE_CONNECTIONS = 2;

export interface NodeService extends RunningService {
  /** Where boxes are answered, for example http://127.0.0.1:6600. */
  readonly url: string;
}

/** Starts one AAA node with settings from the environment. */
export async function startNodeService(env: Env): Promise<NodeService> {
  const broker = brokerSettings(env);
  const database = databaseSettings(env);
  const partition = new Partition(
    required(env, "PARTITION", "the node's name, the same after every restart"),
    stalenessLimit(env),
  );
  const keysFile = required(env, "SIGNING_KEYS_FILE", "a file with the JWK set that all nodes share");
  const keys = SigningKeys.parse(await readSecret(keysFile));

  const metrics = createMetrics(partition);
  const app = createHttp({
    logLevel: env.LOG_LEVEL ?? "info",
    registry: metrics.registry,
    describeErrors,
    notReady: () => notReady(),
  });
  const log = app.log;
  // Apart, so that a storm of boxes does not keep the stream from the database.
  const readPool = await createPool(database, READ_CONNECTIONS, log);
  const writePool = await createPool(database, WRITE_CONNECTIONS, log);
  const notReady = async (): Promise<string | null> => {
    const refusal = refusalOf(partition);
    if (refusal !== null) return refusal.message;
    return readDatabaseVersion(readPool).then(
      () => null,
      () => "the database cannot be used",
    );
  };
  await app.register(boxRoutes({ pool: readPool, keys, partition, metrics, now: () => new Date() }));
  await app.register(partitionRoute(readPool, partition));
  const url = await app.listen({ host: env.HOST ?? "0.0.0.0", port: portOf(env, "PORT", 6600) });

  const stopping = new AbortController();
  const consumer: ConsumerDeps = {
    broker,
    exchange: env.OSS_EXCHANGE ?? DEFAULT_OSS_EXCHANGE,
    pool: writePool,
    migrations: new URL("./migrations/", import.meta.url),
    partition,
    metrics,
    log,
  };
  const consuming = runForever("partition", (context) => partitionSession(consumer, context), {
    signal: stopping.signal,
    log,
  });

  return {
    url,
    async stop() {
      await app.close();
      stopping.abort();
      await consuming;
      await Promise.all([readPool.end(), writePool.end()]);
    },
  };
}
