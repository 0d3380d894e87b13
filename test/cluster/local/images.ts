import { run } from "../../lib/run.ts";
import { NODES, type NodeLayout } from "./layout.ts";
import { containerdSocket } from "./node.ts";

/** Imports an archive of images into every node that lacks one of them. */
export async function importImages(archive: string, refs: readonly string[]): Promise<void> {
  await Promise.all(NODES.map((node) => importInto(node, archive, refs)));
}

async function importInto(node: NodeLayout, archive: string, refs: readonly string[]): Promise<void> {
  const ctr = (...args: readonly string[]): Promise<string> =>
    run("ctr", ["--address", containerdSocket(node), "--namespace", "k8s.io", "images", ...args]);
  const present = new Set((await ctr("list", "--quiet")).split("\n"));
  if (!refs.every((ref) => present.has(ref))) await ctr("import", archive);
}
