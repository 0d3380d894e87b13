import { join } from "node:path";
import { goBuild } from "../../cluster/go.ts";
import { builtTool } from "../../cluster/tools.ts";
import { cached, hashOf, hashOfFiles } from "../../lib/cache.ts";
import { withLock } from "../../lib/lock.ts";
import { step } from "../../lib/steps.ts";
import type { Programs } from "./fake-kubernetes.ts";

const KWOK = join(import.meta.dirname, "kwok");

/** What a Kubernetes of fake nodes consists of beside its API server; built the first time. */
export async function builtPrograms(): Promise<Programs> {
  // Under the lock of `make up`, which builds the same program.
  const kubernetes = await withLock("cluster", () => builtTool("kubernetes"));
  return { controllerManager: join(kubernetes, "kube-controller-manager"), kwok: await builtKwok() };
}

async function builtKwok(): Promise<string> {
  const folder = await cached("bench-kwok", hashOf(await hashOfFiles(KWOK), process.arch), (dir) =>
    step("Build KWOK from source", () =>
      goBuild(KWOK, ["-trimpath", "-ldflags=-s -w", "-o", join(dir, "kwok"), "tool"]),
    ),
  );
  return join(folder, "kwok");
}
