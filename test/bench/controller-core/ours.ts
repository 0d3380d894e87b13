// The same controller as peer/main.go, with the same flags and the same lines of JSON on standard output.
import { parseArgs } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import { pino } from "pino";
import { awaitChange, type KubeObject, Manager, stopSignal } from "../../../operator/src/kube/index.ts";
import { fromSentAt, now } from "./clock.ts";

const CONFIG_MAP = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
const WORKERS = 4;

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const { values } = parseArgs({
  options: {
    kubeconfig: { type: "string", default: "" },
    namespace: { type: "string", default: "" },
    objects: { type: "string", default: "" },
    "metrics-port": { type: "string", default: "" },
    "leader-elect": { type: "string", default: "false" },
  },
});
const { namespace } = values;
const objects = Number(values.objects);
const config = new KubeConfig();
config.loadFromFile(values.kubeconfig);
const manager = new Manager({
  name: "ours",
  domain: "bench.example",
  config,
  namespaces: [namespace],
  metricsPort: Number(values["metrics-port"]),
  healthPort: 0,
  log: pino({ base: null }, pino.destination(2)),
  ...(values["leader-elect"] === "true" ? { leaderElection: { namespace } } : {}),
});
const configMaps = manager.cache(CONFIG_MAP);
/** The sentAt of every object that was reconciled, "" where it has none. */
const handled = new Map<string, string>();
/** In ms, by name, of the last sentAt that came after an object's first. */
const latencies = new Map<string, number>();

manager.addController({
  name: "bench",
  for: configMaps,
  workers: WORKERS,
  reconcile: async (key) => {
    const configMap = configMaps.get<ConfigMap>(key);
    if (configMap !== undefined) record(key, configMap.data?.sentAt ?? "");
    return awaitChange;
  },
});
tell("started", { at: now() });
await manager.run(stopSignal());
tell("latencies", { ms: Object.fromEntries(latencies) });

/** Notes how old an update is that is seen for the first time. */
function record(key: string, sentAt: string): void {
  const at = now();
  const last = handled.get(key);
  handled.set(key, sentAt);
  if (last === undefined && handled.size === objects) tell("synced", { at, objects });
  if (last !== undefined && last !== sentAt) {
    latencies.set(key.slice(namespace.length + 1), at - fromSentAt(sentAt));
  }
}

function tell(event: string, fields: object): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}
