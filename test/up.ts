import { demonstrate } from "./demo.ts";
import { AaaCluster } from "./lib/aaa-cluster.ts";
import { runMain } from "./lib/errors.ts";
import { startPlatform } from "./lib/platform.ts";
import { say, step } from "./lib/steps.ts";

const NAMESPACE = "aaa";

await runMain(async () => {
  const startedAt = Date.now();
  const access = await startPlatform();
  const tv = new AaaCluster(access, NAMESPACE);
  await step("Apply samples/tv.yaml", () => tv.apply());
  const cluster = await step("Wait until the AaaCluster is Ready", () => tv.ready(300_000));
  await demonstrate(tv, cluster.spec.nodes.replicas);
  const kubectl = `${access.kubectl} --kubeconfig=${access.kubeconfig} --namespace=${NAMESPACE}`;
  say(`All of it took ${Math.round((Date.now() - startedAt) / 1000)} s. What to try next:`);
  say(`  ${kubectl} get aaaclusters,pods`);
  say(`  ${kubectl} scale aaacluster/tv --replicas=3`);
  say(`  ${kubectl} delete pod tv-aaa-0    # it comes back with its data and its queue`);
});
