import * as kube from "../../operator/src/kube/index.ts";

const GREETING = { group: "example.com", version: "v1", kind: "Greeting", plural: "greetings" };
const CONFIG_MAP = { group: "", version: "v1", kind: "ConfigMap", plural: "configmaps" };
type Greeting = kube.KubeObject & { readonly spec: { readonly name: string } };

const manager = new kube.Manager({
  name: "greeter",
  domain: "example.com",
  leaderElection: { namespace: "default" },
  metricsPort: 0,
  healthPort: 0,
});
const labels = { "app.kubernetes.io/managed-by": "greeter" };
const greetings = manager.cache(GREETING);
const configMaps = manager.cache(CONFIG_MAP, { labelSelector: "app.kubernetes.io/managed-by=greeter" });

manager.addController({
  name: "greeting",
  for: greetings,
  when: kube.specChanged,
  owns: [configMaps],
  reconcile: async (key, reconciliation) => {
    const greeting = greetings.get<Greeting>(key);
    if (greeting === undefined || greeting.metadata.deletionTimestamp !== undefined) return kube.awaitChange;
    const text = `Hello, ${greeting.spec.name}!`;
    const applier = manager.applier.within(reconciliation);
    const errors = await kube.applySet(applier, {
      desired: [{ resource: CONFIG_MAP, manifest: { metadata: { name: greeting.metadata.name }, data: { text } } }],
      live: new Map([[CONFIG_MAP, configMaps.ownedBy(GREETING, key)]]),
      stamp: { owner: kube.ownerReferenceTo(GREETING, greeting), namespace: greeting.metadata.namespace ?? "", labels },
    });
    if (errors.length > 0) throw new AggregateError(errors);
    await applier.applyStatus(GREETING, greeting, { text });
    manager.events.record(greeting, { type: "Normal", reason: "Greeted", action: "Greet", note: text });
    return kube.awaitChange;
  },
});
await manager.run(kube.stopSignal());
