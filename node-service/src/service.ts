import { DEFAULT_OSS_EXCHANGE, describeErrors } from "@aaa-cluster/contract";
import {
  BY_KEY,
  brokerSettings,
  createHttp,
  createLog,
  createPool,
  Drain,
  databaseSettings,
  type Env,
  portOf,
  type RunningService,
  required,
  runForever,
  Wake,
} from "@aaa-cluster/service-kit";
import { drained } from "./accounting/drain.ts";
import { GroupCommit } from "./accounting/group-commit.ts";
import { countUndelivered } from "./accounting/outbox.ts";
import { accountingSession } from "./accounting/relay.ts";
import { accountingRoutes } from "./accounting/routes.ts";
import { commitTimeoutMs, durable } from "./accounting/settings.ts";
import { Admission } from "./admission/admission.ts";
import { measureQueues } from "./admission/metrics.ts";
import { deviceLimitOf } from "./admission/settings.ts";
import { openApiRoute } from "./api/openapi.ts";
import { BoxEndpoint } from "./box-http/endpoint.ts";
import { boxRoutes } from "./boxes.ts";
import { followKeys } from "./key-file.ts";
import { createMetrics } from "./metrics.ts";
import { type ConsumerDeps, partitionSession } from "./partition/consumer.ts";
import { Partition } from "./partition/partition.ts";
import { partitionRoute } from "./partition/routes.ts";
import { refusalOf, stalenessLimit } from "./partition/staleness.ts";
import { measureReadModel } from "./read-model/metrics.ts";
import { ReadModel } from "./read-model/read-model.ts";
import { memoryLimits } from "./read-model/settings.ts";
import { readDatabaseVersion, readPieces } from "./reads.ts";
import { Tokens } from "./tokens.ts";

const BOX_CONNECTIONS = 8;
// One for each session would do; the others let a new one start while a lost connection of the last one times out.
const SESSION_CONNECTIONS = 4;
const PROBE_CONNECTIONS = 2;
// A box sends little, and at once.
const LIMITS = { headersMs: 10_000, requestMs: 10_000, bodyBytes: 256 * 1024, connections: 10_000 };
// With what goes before it, draining and closing, less than the pod's grace period, see the operator.
const DRAIN_MS = 20_000;

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
  const deviceLimit = deviceLimitOf(env);
  const memory = memoryLimits(env);
  const timeoutMs = commitTimeoutMs(env);
  const keysFile = required(env, "SIGNING_KEYS_FILE", "a file with the JWK set that all nodes share");

  const metrics = createMetrics(
    partition,
    () => countUndelivered(probePool),
    () => keyFile.isBroken(),
  );
  const readModel = new ReadModel({ limitBytes: memory.readModel, read: (keys) => readPieces(boxPool, keys) });
  measureReadModel(metrics.registry, readModel);
  const drain = new Drain();
  const log = createLog(env.LOG_LEVEL ?? "info");
  const { keys, ...keyFile } = await followKeys(keysFile, log);
  const tokens = new Tokens(keys, memory.tokens);
  // Apart, so that a storm of boxes does not keep the stream from the database.
  const boxPool = await createPool(database, BOX_CONNECTIONS, log, BY_KEY);
  const commitPool = await createPool(database, 1, log, BY_KEY);
  const accountingPool = await createPool(database, 1, log, durable(timeoutMs));
  // So that a probe waits for no box.
  const probePool = await createPool(database, PROBE_CONNECTIONS, log);
  const sessionPool = await createPool(database, SESSION_CONNECTIONS, log);
  const notReady = async (): Promise<string | null> => {
    const refusal = refusalOf(partition);
    if (refusal !== null) return refusal.message;
    return readDatabaseVersion(probePool).then(
      () => null,
      () => "the database cannot be used",
    );
  };
  const wake = new Wake();
  const groupCommit = new GroupCommit({ pool: accountingPool, timeoutMs, metrics, log });
  const admission = new Admission({ deviceLimit, shed: metrics.shed });
  measureQueues(metrics.registry, admission, groupCommit);
  const now = (): Date => new Date();
  const endpoint = new BoxEndpoint({ admission, drain, log, describeErrors, bodyBytes: LIMITS.bodyBytes }, [
    boxRoutes({ keys, tokens, partition, readModel, metrics, now }),
    accountingRoutes({ groupCommit, tokens, partition, metrics, onAccepted: wake.ring, now }),
  ]);
  const app = createHttp({
    log,
    drain,
    registry: metrics.registry,
    describeErrors,
    notReady,
    limits: LIMITS,
    ahead: endpoint,
  });
  await app.register(partitionRoute(probePool, partition));
  await app.register(openApiRoute);
  const url = await app.listen({ host: env.HOST ?? "0.0.0.0", port: portOf(env, "PORT", 6600) });
  log.info({ url }, "listening");

  const stopping = new AbortController();
  const forever = { signal: stopping.signal, log };
  const migrations = new URL("./migrations/", import.meta.url);
  const consumer: ConsumerDeps = {
    broker,
    exchange: env.OSS_EXCHANGE ?? DEFAULT_OSS_EXCHANGE,
    pool: sessionPool,
    commitPool,
    migrations,
    partition,
    follower: readModel,
    metrics,
    log,
  };
  const accounting = { broker, pool: sessionPool, migrations, partition: partition.name, wake, metrics, log };
  const working = Promise.all([
    runForever("partition", (context) => partitionSession(consumer, context), forever),
    runForever("accounting", (context) => accountingSession(accounting, context), forever),
  ]);

  return {
    url,
    drain: drain.begin,
    async stop() {
      keyFile.stop();
      await drain.close(app);
      const left = await drained(sessionPool, DRAIN_MS);
      if (left !== 0) log.warn({ records: left }, "stops with accounting records that are not delivered");
      stopping.abort();
      await working;
      await Promise.all([boxPool, commitPool, accountingPool, probePool, sessionPool].map((pool) => pool.end()));
    },
  };
}
