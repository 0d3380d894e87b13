import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Access, Kubectl } from "../../lib/kubectl.ts";
import { DNS_ADDRESS } from "./layout.ts";

const MANIFESTS = join(import.meta.dirname, "..", "manifests");
const ADDONS = [
  { manifest: "coredns.yaml", namespace: "kube-system", deployment: "coredns" },
  { manifest: "local-path.yaml", namespace: "local-path-storage", deployment: "local-path-provisioner" },
];

/** Applies what makes a cluster of the nodes, DNS and storage, and waits until it is available. */
export async function applyAddons(access: Access, image: string): Promise<void> {
  await Promise.all(
    ADDONS.map(async ({ manifest, namespace, deployment }) => {
      const template = await readFile(join(MANIFESTS, manifest), "utf8");
      const kubectl = new Kubectl(access, namespace);
      await kubectl.apply(template.replaceAll("__IMAGE__", image).replaceAll("__DNS_ADDRESS__", DNS_ADDRESS));
      await kubectl.run(["rollout", "status", `deployment/${deployment}`, "--timeout=90s"]);
    }),
  );
}
