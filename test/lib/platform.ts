import { buildImages } from "../../images/build.ts";
import { chooseCluster } from "../cluster/choose.ts";
import type { Access } from "./kubectl.ts";
import { installOperator } from "./operator.ts";
import { say, step } from "./steps.ts";

/** Starts a Kubernetes if none runs, builds and loads the images, and installs the operator of this work tree. */
export async function startPlatform(): Promise<Access> {
  const cluster = chooseCluster();
  say(`Kubernetes: ${cluster.describe}`);
  await cluster.preflight();
  const [built] = await Promise.all([buildImages(), cluster.up()]);
  await step("Load the images into the nodes", () => cluster.loadImages(built));
  await step("Install the operator with Helm", () => installOperator(cluster.access, built.images));
  return cluster.access;
}
