import { errorPolicy } from "./cluster/error-policy.ts";
import { reconcile } from "./cluster/reconcile.ts";
import { SecretStore } from "./cluster/secrets/store.ts";
import { settingsFrom } from "./cluster/settings.ts";
import { World } from "./cluster/world.ts";
import { createLogger, Manager, stopSignal } from "./kube/index.ts";

const WORKERS = 8;

const log = createLogger(process.env.LOG_LEVEL);

try {
  const settings = settingsFrom(process.env);
  const { namespaces, metricsPort, healthPort, leaderElection } = settings;
  const manager = new Manager({
    name: "aaa-operator",
    domain: "aaacluster.io",
    namespaces,
    metricsPort,
    healthPort,
    leaderElection,
    log,
  });
  const world = new World((resource, scope) => manager.cache(resource, scope));
  const { client, applier, events } = manager;
  const now = (): Date => new Date();
  const secrets = new SecretStore(now);
  manager.addController({
    name: "aaacluster",
    ...world.sources,
    reconcile: (key, { signal, log }) =>
      reconcile(key, {
        client: client.within(signal),
        applier: applier.within({ signal, log }),
        events,
        world,
        secrets,
        settings,
        log,
        now,
      }),
    errorPolicy,
    workers: WORKERS,
  });
  log.info({ version: settings.version, namespaces, leaderElection }, "Starting");
  await manager.run(stopSignal());
  log.info("Ended");
  // Whatever did not end in time must not keep the process.
  process.exit(0);
} catch (error) {
  log.fatal({ err: error }, "Ended");
  // At once: when the lease is lost, another process may lead already.
  process.exit(1);
}
