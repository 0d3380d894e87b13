import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hashOf, hashOfFiles } from "../test/lib/cache.ts";
import { type Bundle, bundleService } from "./bundle.ts";

/** What the names of our images begin with. */
export const OUR_IMAGES = "aaacluster.io";

const FOLDER = import.meta.dirname;

/** Every image, and whether it holds one of our services (bundled first) or a product. */
const KINDS = {
  operator: "service",
  "node-service": "service",
  "oss-service": "service",
  rabbitmq: "product",
  haproxy: "product",
  keepalived: "product",
  postgresql: "product",
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

/** @param basePin what stands for the base images; a change makes every image anew */
export async function recipeOf(name: ImageName, basePin: string): Promise<Recipe> {
  const folder = join(FOLDER, name);
  const bundle = KINDS[name] === "service" ? await bundleService(name) : null;
  const key = hashOf(basePin, await hashOfFiles(folder), JSON.stringify(bundle));
  return {
    name,
    ref: `${OUR_IMAGES}/${name}:${key}`,
    writeContext: async (dir) => {
      await cp(folder, dir, { recursive: true });
      if (bundle !== null) await writeBundle(bundle, join(dir, "app"));
    },
  };
}

async function writeBundle(bundle: Bundle, dir: string): Promise<void> {
  for (const [path, content] of Object.entries(bundle)) {
    await mkdir(join(dir, path, ".."), { recursive: true });
    await writeFile(join(dir, path), content);
  }
}
