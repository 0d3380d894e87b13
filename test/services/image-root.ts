import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureBuilt, recipesOf } from "../../images/build.ts";
import { buildahEngine } from "../../images/buildah.ts";
import type { ImageName } from "../../images/recipes.ts";
import { cached } from "../lib/cache.ts";
import { withLock } from "../lib/lock.ts";
import { step } from "../lib/steps.ts";

/** An image laid out as a folder, and how its container is run. */
export interface ImageRoot {
  readonly root: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly stopSignal: NodeJS.Signals;
}

interface ImageConfig {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly StopSignal?: NodeJS.Signals;
}

/** The root file system of one of our images, built and exported when that was not done before. */
export async function imageRoot(name: ImageName): Promise<ImageRoot> {
  const engine = buildahEngine();
  const dir = await withLock("images", async () => {
    const [recipe] = await recipesOf(engine, [name]);
    if (recipe === undefined) throw new Error(`no recipe for the image ${name}`);
    return cached(`root-${name}`, recipe.ref.slice(recipe.ref.indexOf(":") + 1), async (partial) => {
      await ensureBuilt(engine, [recipe]);
      await step(`files of the image ${name}`, () => engine.exportRoot(recipe.ref, partial));
    });
  });
  const config = JSON.parse(await readFile(join(dir, "config.json"), "utf8")) as ImageConfig;
  return {
    root: join(dir, "root"),
    environment: Object.fromEntries((config.Env ?? []).map((line) => line.split(/=(.*)/s).slice(0, 2))),
    command: [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])],
    stopSignal: config.StopSignal ?? "SIGTERM",
  };
}
