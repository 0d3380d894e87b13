import { fileURLToPath } from "node:url";
import type { Access } from "./kubectl.ts";
import { run } from "./run.ts";

/** The folder of the operator's chart. */
export const CHART = fileURLToPath(new URL("../../charts/aaa-operator", import.meta.url));
export const OPERATOR_NAMESPACE = "aaa-system";

/** The chart's value for each image. */
const IMAGE_VALUES: Readonly<Record<string, string>> = {
  operator: "image",
  "node-service": "images.nodeService",
  "oss-service": "images.ossService",
  rabbitmq: "images.rabbitmq",
  haproxy: "images.haproxy",
  keepalived: "images.keepalived",
  postgresql: "images.postgresql",
};

interface Image {
  readonly name: string;
  readonly ref: string;
}

/** Installs the operator with Helm, or upgrades it to the given images, and waits until it runs. */
export async function installOperator(access: Access, images: readonly Image[]): Promise<void> {
  const values = images.flatMap(({ name, ref }) =>
    name in IMAGE_VALUES ? [`--set=${IMAGE_VALUES[name]}=${ref}`] : [],
  );
  await upgrade(access, CHART, ["--install", "--create-namespace", ...values]);
}

/** Upgrades the operator that is installed to the chart of a folder, with its images as they are. */
export async function upgradeOperator(access: Access, chart: string): Promise<void> {
  await upgrade(access, chart, ["--reuse-values"]);
}

async function upgrade(access: Access, chart: string, options: readonly string[]): Promise<void> {
  const where = [`--kubeconfig=${access.kubeconfig}`, `--namespace=${OPERATOR_NAMESPACE}`];
  await run(access.helm, ["upgrade", "aaa-operator", chart, ...where, "--wait", "--timeout=180s", ...options]);
}
