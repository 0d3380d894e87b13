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
  migrate,
  portOf,
  type RunningService,
  readSecret,
  required,
  runForever,
  SettingsError,
  UNFLUSHED,
  untilDone,
} from "@aaa-cluster/service-kit";
import { accountingSession } from "./accounting/consumer.ts";
import { accountingRoutes } from "./accounting/routes.ts";
import { auditSession } from "./audit.ts";
import { createMetrics } from "./metrics.ts";
import { RelayDuty, relaySession } from "./relay.ts";
import { openApiRoute, provisioningRoutes, relayRoute } from "./routes.ts";
import { snapshotSession } from "./snapshot-server.ts";
import { readStream } from "./sql.ts";

const PROVISIONING_CONNECTIONS = 10;
const SESSION_CONNECTIONS = 6;

export interface OssService extends RunningService {
  /** Where the API listens, for example http://127.0.0.1:6700. */
  readonly url: string;
}

/** Starts the OSS service with settings from the environment. It serves as soon as its database is there. */
export async function startOssService(env: Env): Promise<OssService> {
  const broker = brokerSettings(env);
  const database = databaseSettings(env);
  const instance = required(env, "INSTANCE", "a name for this replica, unique among them");
  const apiToken = await readSecret(required(env, "API_TOKEN_FILE", "a file with the provisioning API's token"));
  if (apiToken === "") throw new SettingsError("the provisioning API's token is empty; write one into API_TOKEN_FILE");

  const metrics = createMetrics(() => readStream(pool));
  const drain = new Drain();
  const log = createLog(env.LOG_LEVEL ?? "info");
  const app = createHttp({
    log,
    drain,
    registry: metrics.registry,
    describeErrors,
    notReady: () =>
      readStream(pool).then(
        () => null,
        () => "the database cannot be used",
      ),
  });
  const pool = await createPool(database, SESSION_CONNECTIONS, log);
  const provisioningPool = await createPool(database, PROVISIONING_CONNECTIONS, log, BY_KEY);
  const notesPool = await createPool(database, 1, log, UNFLUSHED);
  const duty = new RelayDuty();
  await app.register(provisioningRoutes({ pool: provisioningPool, apiToken, metrics, log }));
  await app.register(accountingRoutes(pool, apiToken));
  await app.register(relayRoute(pool, instance, duty));
  await app.register(openApiRoute);
  const url = await app.listen({ host: env.HOST ?? "0.0.0.0", port: portOf(env, "PORT", 6700) });
  log.info({ url }, "listening");

  const stopping = new AbortController();
  const forever = { signal: stopping.signal, log };
  const exchange = env.OSS_EXCHANGE ?? DEFAULT_OSS_EXCHANGE;
  const work = async (): Promise<void> => {
    await untilDone("migrate", () => migrate(pool, new URL("./migrations/", import.meta.url), log), forever);
    await Promise.all([
      runForever(
        "relay",
        (context) => relaySession({ broker, database, notesPool, exchange, instance }, metrics, duty, context),
        forever,
      ),
      runForever("snapshots", (context) => snapshotSession({ broker, pool, instance, metrics, log }, context), forever),
      runForever(
        "accounting",
        (context) => accountingSession({ broker, pool, instance, metrics, log }, context),
        forever,
      ),
      runForever("audit", (context) => auditSession({ pool, duty, metrics, log }, context), forever),
    ]);
  };
  const working = work().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });

  return {
    url,
    drain: drain.begin,
    async stop() {
      await drain.close(app);
      stopping.abort();
      await working;
      await Promise.all([pool, provisioningPool, notesPool].map((each) => each.end()));
    },
  };
}
