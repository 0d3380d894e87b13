import { addAaaClusterController } from "./cluster/controller.ts";
import { settingsFrom } from "./cluster/settings.ts";
import { createLogger, Manager, stopSignal } from "./kube/index.ts";

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
  addAaaClusterController(manager, settings);
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
