import { fileURLToPath } from "node:url";
import type { Access } from "./kubectl.ts";
import { run } from "./run.ts";

const CHART = fileURLToPath(new URL("../../charts/aaa-operator", import.meta.url));
export const OPERATOR_NAMESPACE = "aaa-system";

/** The chart's value for each image. Keepalived has none: its gateway mode is not in the operator yet. */
const IMAGE_VALUES: Readonly<Record<string, string>> = {
  operator: "image",
  "node-service": "images.nodeService",
  "oss-service": "images.ossService",
  rabbitmq: "images.rabbitmq",
  haproxy: "images.haproxy",
  postgresql: "images.postgresql",
};

interface Image {
  readonly name: string;
  readonly ref: string;
}

/** Installs the operator with Helm, or upgrades it to the given images, and waits until it runs. */
export async function installOperator(access: Access, images: readonly Image[]): Promise<void> {
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
    ...images.flatMap(({ name, ref }) => (name in IMAGE_VALUES ? [`--set=${IMAGE_VALUES[name]}=${ref}`] : [])),
  ]);
}
