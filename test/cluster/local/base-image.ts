import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { cached, hashOf } from "../../lib/cache.ts";
import { run } from "../../lib/run.ts";
import { step } from "../../lib/steps.ts";

const TAR = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** An image, and the archive that it is imported from. */
export interface BaseImage {
  readonly ref: string;
  readonly archive: string;
}

/**
 * Makes the one image of the cluster itself: nothing but static programs, in its root folder.
 * @param programs their paths; the first is what a container runs when nothing else is said
 */
export async function baseImage(programs: readonly string[]): Promise<BaseImage> {
  // The folder of a built program is named after the hash of its source.
  const key = hashOf(...programs);
  const dir = await cached("cluster-base-image", key, (partial) =>
    step("Make the image of the cluster's own pods", () => writeArchive(refOf(key), programs, partial)),
  );
  return { ref: refOf(key), archive: join(dir, "image.tar") };
}

function refOf(key: string): string {
  return `aaacluster.io/cluster-base:${key}`;
}

/** Writes `image.tar`, in the format of `docker save`. */
async function writeArchive(ref: string, programs: readonly string[], dir: string): Promise<void> {
  const root = join(dir, "root");
  await mkdir(root);
  for (const program of programs) await copyFile(program, join(root, basename(program)));
  await run("tar", [...TAR, "--directory", root, "--create", "--file", join(dir, "layer.tar"), "."]);
  const layer = createHash("sha256")
    .update(await readFile(join(dir, "layer.tar")))
    .digest("hex");
  const config = {
    architecture: ARCHITECTURES[process.arch],
    os: "linux",
    config: { Entrypoint: [`/${basename(programs[0] as string)}`] },
    rootfs: { type: "layers", diff_ids: [`sha256:${layer}`] },
  };
  await writeFile(join(dir, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: [ref], Layers: ["layer.tar"] }];
  await writeFile(join(dir, "manifest.json"), JSON.stringify(manifest));
  const parts = ["manifest.json", "config.json", "layer.tar"];
  await run("tar", [...TAR, "--directory", dir, "--create", "--file", join(dir, "image.tar"), ...parts]);
  for (const leftover of [...parts, "root"]) await rm(join(dir, leftover), { recursive: true });
}
