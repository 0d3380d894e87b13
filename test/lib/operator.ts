import { fileURLToPath } from "node:url";
import type { Access } from "./kubectl.ts";
import { run } from "./run.ts";

const CHART = fileURLToPath(new URL("../../charts/aaa-operator", import.meta.url));
export const OPERATOR_NAMESPACE = "aaa-system";

/**
 * Installs the operator with Helm, or upgrades it to the given images, and waits until it runs.
 * @param images chart value (`images.<name>`) -> image reference
 */
export async function installOperator(access: Access, images: Readonly<Record<string, string>>): Promise<void> {
  await run(access.helm, [
    "upgrade",
    "--install",
    "aaa-operator",
    CHART,
    `--kubeconfig=${access.kubeconfig}`,
    `--namespace=${OPERATOR_NAMESPACE}`,
    "--create-namespace",
    "--wait",
    "--timeout=180s",
    ...Object.entries(images).map(([name, ref]) => `--set=images.${name}=${ref}`),
  ]);
}

/** Removes the operator and everything the chart brought. Its AaaClusters must be gone by then. */
export async function uninstallOperator(access: Access): Promise<void> {
  await run(access.helm, [
    "uninstall",
    "aaa-operator",
    `--kubeconfig=${access.kubeconfig}`,
    `--namespace=${OPERATOR_NAMESPACE}`,
    "--ignore-not-found",
    "--wait",
    "--timeout=120s",
  ]);
}
