import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { bundleOf } from "../../../images/bundle.ts";
import { imageSettings } from "../../../images/settings.ts";
import { AAA_CLUSTER, type AaaCluster } from "../../../operator/src/api/aaacluster.ts";
import type { KubeObject, Resource } from "../../../operator/src/kube/index.ts";
import type { Definition, FakeKubernetes } from "./fake-kubernetes.ts";

type Environment = Readonly<Record<string, string>>;

/** An operator to measure. */
export interface Operator {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  environment(kubernetes: Pick<FakeKubernetes, "kubeconfig" | "namespace">): Environment;
  readonly definitions: readonly Definition[];
  /** What it reconciles. */
  readonly resource: Resource;
  readonly spec: object;
  /** Whether its status says that it has made all of this generation that it can without pods that really run. */
  isReconciled(object: KubeObject): boolean;
}

const REPOSITORY = join(import.meta.dirname, "..", "..", "..");

/** Our operator, in one file and with Node's flags, as its image runs, and with what the chart tells it. */
export async function ourOperator(): Promise<Operator> {
  const bundle = await bundleOf("operator");
  const { flags, environment } = imageSettings(await read("images/operator/Dockerfile"));
  const images = imageVariables(await read("charts/aaa-operator/templates/deployment.yaml"));
  return {
    name: "ours",
    command: [process.execPath, ...flags, join(bundle, "main.js")],
    environment: ({ kubeconfig, namespace }) => ({
      ...environment,
      ...images,
      KUBECONFIG: kubeconfig,
      POD_NAMESPACE: namespace,
      METRICS_PORT: "0",
      HEALTH_PORT: "0",
    }),
    definitions: await definitionsIn(join(REPOSITORY, "crds")),
    resource: AAA_CLUSTER,
    spec: {},
    // What is observed is in the status only once every child was applied.
    isReconciled: (object) => {
      const { metadata, status } = object as AaaCluster;
      return status?.observedGeneration === metadata.generation && status?.nodes !== undefined;
    },
  };
}

/** Pure: an image for every variable that names one; no pod ever starts from it. */
export function imageVariables(deployment: string): Environment {
  const names = deployment.matchAll(/name: (IMAGE_\w+)$/gm);
  return Object.fromEntries([...names].map(([, name]) => [name, "image:1"]));
}

async function definitionsIn(folder: string): Promise<Definition[]> {
  const files = (await readdir(folder)).sort();
  return Promise.all(files.map(async (file) => parse(await readFile(join(folder, file), "utf8")) as Definition));
}

function read(path: string): Promise<string> {
  return readFile(join(REPOSITORY, path), "utf8");
}
