import type { Manager } from "../kube/index.ts";
import { errorPolicy } from "./error-policy.ts";
import { reconcile } from "./reconcile.ts";
import { SecretStore } from "./secrets/store.ts";
import type { Settings } from "./settings.ts";
import { World } from "./world.ts";

/** They mostly wait for brokers and services that do not answer. */
const WORKERS = 16;

/** Adds to a manager the controller that makes AaaClusters what their specs say. */
export function addAaaClusterController(manager: Manager, settings: Settings, now = (): Date => new Date()): void {
  const world = new World((resource, scope) => manager.cache(resource, scope));
  const { client, applier, events } = manager;
  const secrets = new SecretStore(now);
  const applied = new Map<string, string>();
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
        applied,
        log,
        now,
      }),
    errorPolicy,
    workers: WORKERS,
  });
}
