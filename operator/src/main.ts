import { KubeConfig } from "@kubernetes/client-node";
import { pino } from "pino";
import { errorPolicy } from "./cluster/error-policy.ts";
import { HASH_ANNOTATION } from "./cluster/labels.ts";
import { reconcile } from "./cluster/reconcile.ts";
import { settingsFrom } from "./cluster/settings.ts";
import { World } from "./cluster/world.ts";
import { Applier, createMetrics, KubeClient, runController, serve, WorkQueue } from "./kube/index.ts";

const FIELD_MANAGER = "aaa-operator";
const WORKERS = 4;

const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime, level: process.env.LOG_LEVEL ?? "info" });

async function main(): Promise<void> {
  const settings = settingsFrom(process.env);
  const config = new KubeConfig();
  config.loadFromDefault();
  const metrics = createMetrics("aaacluster");
  const client = new KubeClient(config, { onAnswer: metrics.answered });
  const applier = new Applier({ client, fieldManager: FIELD_MANAGER, hashAnnotation: HASH_ANNOTATION, log });
  const world = new World({ client, namespaces: settings.namespaces, metrics, log });
  const queue = new WorkQueue(metrics.queue);
  world.onChange((key) => queue.add(key));

  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      log.info({ signal }, "Stopping");
      stop.abort();
      queue.close();
    });
  }
  const servers = [
    await serve(settings.metricsPort, {
      "/metrics": async () => ({
        status: 200,
        body: await metrics.registry.metrics(),
        contentType: metrics.registry.contentType,
      }),
    }),
    await serve(settings.healthPort, {
      "/healthz": () => ({ status: 200, body: "ok\n" }),
      "/readyz": () => (world.hasSynced ? { status: 200, body: "ok\n" } : { status: 503, body: "not synced yet\n" }),
    }),
  ];
  log.info(
    { version: settings.version, namespaces: settings.namespaces, server: config.getCurrentCluster()?.server },
    "Started",
  );

  const watching = world.run(stop.signal);
  const context = { client, applier, world, settings, log, now: () => new Date() };
  await Promise.race([world.synced(), watching]);
  await runController({
    queue,
    reconcile: (key) => reconcile(key, context),
    errorPolicy,
    workers: WORKERS,
    metrics: metrics.reconcile,
    log,
  });
  await watching;
  for (const server of servers) server.close();
}

try {
  await main();
} catch (error) {
  log.fatal({ err: error }, "Ended");
  process.exitCode = 1;
}
