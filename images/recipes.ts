import { cp } from "node:fs/promises";
import { join } from "node:path";
import { hashOf, hashOfFiles } from "../test/lib/cache.ts";
import { bundleOf } from "./bundle.ts";

const OUR_IMAGES = "aaacluster.io";

const FOLDER = import.meta.dirname;

/** Every image, and whether it holds a product or one of our services, which is bundled first; the slowest first. */
const KINDS = {
  postgresql: "product",
  rabbitmq: "product",
  keepalived: "product",
  haproxy: "product",
  operator: "service",
  "node-service": "service",
  "oss-service": "service",
} as const;

export type ImageName = keyof typeof KINDS;

export const IMAGE_NAMES = Object.keys(KINDS) as readonly ImageName[];

export const isImageName = (name: string): name is ImageName => name in KINDS;

/** One image to be: its ref says all that goes into it, so equal refs need no second build. */
export interface Recipe {
  readonly name: ImageName;
  readonly ref: string;
  /** Writes the build context, Dockerfile and all, to an empty folder. */
  writeContext(dir: string): Promise<void>;
}

/**
 * Call it with the lock "images" held.
 * @param basePin what stands for the base images; a change makes every image anew
 */
export async function recipeOf(name: ImageName, basePin: string): Promise<Recipe> {
  const folder = join(FOLDER, name);
  const bundle = KINDS[name] === "service" ? await bundleOf(name) : null;
  const key = hashOf(basePin, await hashOfFiles(folder), bundle === null ? "" : await hashOfFiles(bundle));
  return {
    name,
    ref: `${OUR_IMAGES}/${name}:${key}`,
    writeContext: async (dir) => {
      await cp(folder, dir, { recursive: true });
      if (bundle !== null) await cp(bundle, join(dir, "app"), { recursive: true });
    },
  };
}
