import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeBundle } from "../../../images/bundle.ts";
import { imageSettings } from "../../../images/settings.ts";
import { goBuild } from "../../cluster/go.ts";
import { cached, hashOf, hashOfFiles } from "../../lib/cache.ts";
import { step } from "../../lib/steps.ts";

/** A controller to measure: what is started, before the flags that tell it where and what. */
export interface Program {
  readonly name: "ours" | "controller-runtime";
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
}

const REPOSITORY = join(import.meta.dirname, "..", "..", "..");
const PEER = join(import.meta.dirname, "peer");
const OURS = join(import.meta.dirname, "ours.ts");
const DOCKERFILE = join(REPOSITORY, "images", "operator", "Dockerfile");

/** The controller written with controller-runtime, built from its Go module the first time. */
export async function peerProgram(): Promise<Program> {
  const key = hashOf(await hashOfFiles(PEER), process.arch);
  const folder = await cached("bench-controller-runtime", key, (dir) =>
    step("Build the controller with controller-runtime", () =>
      goBuild(PEER, ["-trimpath", "-ldflags=-s -w", "-o", join(dir, "peer"), "."]),
    ),
  );
  return { name: "controller-runtime", command: [join(folder, "peer")], environment: {} };
}

/** The controller on our core, in one file and with Node's flags, as the operator's image runs. */
export async function ourProgram(): Promise<Program> {
  const own = [OURS, join(import.meta.dirname, "clock.ts")];
  const core = ["operator/src/kube", "images/bundle.ts", "package-lock.json"].map((path) => join(REPOSITORY, path));
  const key = await hashOfFiles(...own, ...core);
  const folder = await cached("bench-kube-core", key, (dir) => writeBundle(OURS, dir));
  const { flags, environment } = imageSettings(await readFile(DOCKERFILE, "utf8"));
  return { name: "ours", command: [process.execPath, ...flags, join(folder, "main.js")], environment };
}
