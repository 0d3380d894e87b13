import { copyFile, cp, mkdir, mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cached, cacheRoot, hashOf, hashOfFiles } from "../test/lib/cache.ts";
import { UserError } from "../test/lib/errors.ts";
import { ensureInstalled } from "../test/lib/packages.ts";
import { run } from "../test/lib/run.ts";
import { step } from "../test/lib/steps.ts";
import { type Engine, outdated } from "./engine.ts";
import { writeArchive } from "./oci.ts";
import { registryError } from "./registry.ts";

const BASE_FOLDER = join(import.meta.dirname, "base");
const NODE_PACKAGE = join(import.meta.dirname, `../node_modules/node-linux-${process.arch}`);
const DEBIAN_REF = "docker.io/library/debian:trixie-slim";
const NODE_REF = "docker.io/library/node:24-trixie-slim";
const OVERLAYFS_MAGIC = 0x794c7630;

// What Docker's slim image leaves out, and its promise that no package starts a daemon while an image is built.
const MMDEBSTRAP = [
  "--variant=minbase",
  ...["doc", "man", "info", "locale", "lintian"].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
  "--dpkgopt=path-include=/usr/share/doc/*/copyright",
  "--dpkgopt=force-unsafe-io",
  '--aptopt=Acquire::Retries "2"',
  '--aptopt=Acquire::http::Timeout "15"',
  `--customize-hook=printf '#!/bin/sh\\nexit 101\\n' > "$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"`,
];

/** @returns the engine, and what only it can do */
export function buildahEngine(): Engine & {
  /** Writes an image's whole file system to `dir`/root, and its OCI configuration to `dir`/config.json. */
  exportRoot(ref: string, dir: string): Promise<void>;
} {
  const basePin = async (): Promise<string> =>
    hashOf(...MMDEBSTRAP, await hashOfFiles(BASE_FOLDER), await readFile(join(NODE_PACKAGE, "package.json"), "utf8"));
  const id = async (ref: string): Promise<string | null> =>
    (await buildah('buildah images --quiet --no-trunc --filter "reference=$1"', ref)).trim() || null;

  return {
    name: "buildah",
    basePin,
    id,
    build,
    prepare: async () => {
      await checkTools();
      await buildah("buildah rm --all > /dev/null");
      const pinned = `localhost/aaa-base:${await basePin()}`;
      if ((await id(pinned)) !== null) return;
      await buildBaseImages();
      await buildah('buildah tag "$1" "$2"', NODE_REF, pinned);
    },
    prune: async (keep) => {
      const all = await buildah("buildah images --format '{{.Name}}:{{.Tag}}'");
      await buildah(
        'for ref; do buildah rmi "$ref"; done; buildah rmi --prune',
        ...outdated(all.trim().split("\n"), keep),
      );
    },
    save,
    exportRoot: async (ref, dir) => {
      const copy = 'c=$(buildah from --pull-never "$1"); cp -a "$(buildah mount "$c")" "$2/root"; buildah rm "$c"';
      await buildah(copy, ref, dir);
      const inspected = JSON.parse(await buildah('buildah inspect --type image "$1"', ref));
      await writeFile(join(dir, "config.json"), JSON.stringify(inspected.OCIv1.config));
    },
  };
}

/**
 * Runs a shell script whose `buildah` keeps everything in our cache, never in the machine's own storage. The script's
 * mounts and run state end with it, however it ends.
 */
async function buildah(script: string, ...args: readonly string[]): Promise<string> {
  const storage = join(cacheRoot(), "buildah");
  await mkdir(storage, { recursive: true });
  const driver = (await statfs(storage)).type === OVERLAYFS_MAGIC ? "vfs" : "overlay";
  const runRoot = await mkdtemp(join(tmpdir(), "aaa-buildah-"));
  const options = `--root '${storage}' --runroot '${runRoot}' --storage-driver ${driver}`;
  const hide = "mkdir -p /var/lib/containers; mount -t tmpfs tmpfs /var/lib/containers";
  const command = `set -eu; ${hide}; buildah() { command buildah ${options} "$@"; }; ${script}`;
  try {
    return await run("unshare", ["--mount", "sh", "-c", command, "sh", ...args]);
  } catch (error) {
    throw registryError(error);
  } finally {
    await rm(runRoot, { recursive: true, force: true });
  }
}

async function build(ref: string, context: string): Promise<void> {
  await buildah('buildah bud --isolation chroot --pull-never --layers --tag "$1" "$2"', ref, context);
}

/**
 * Every image is exported once and then kept, so a change of one costs one export. zstd, because its layers import
 * into containerd with the least work and the fewest bytes.
 */
async function save(refs: readonly string[], archive: string): Promise<void> {
  const layouts: string[] = [];
  for (const ref of refs) {
    const [, name = "", tag = ""] = /([^/]+):(.+)$/.exec(ref) ?? [];
    const push = 'buildah push --quiet --format oci --compression-format zstd "$1" "oci:$2:$1"';
    layouts.push(await cached(`layout-${name}`, tag, async (dir) => void (await buildah(push, ref, dir))));
  }
  await writeArchive(layouts, archive);
}

async function checkTools(): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new UserError(
      "no Docker engine answers, and only root can build images without one",
      "start Docker (`docker info` must work), or run this as root on Debian",
    );
  }
  await ensureInstalled({
    buildah: "buildah",
    mmdebstrap: "mmdebstrap",
    "/usr/share/keyrings/debian-archive-trixie-stable.gpg": "debian-archive-keyring",
  });
}

/** Makes the images that the Dockerfiles name after FROM. */
async function buildBaseImages(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "aaa-base-"));
  try {
    await cp(BASE_FOLDER, dir, { recursive: true });
    await step("image debian:trixie-slim, from Debian packages", async () => {
      await debianRoot(join(dir, "debian/rootfs.tar"));
      await build(DEBIAN_REF, join(dir, "debian"));
    });
    await step("image node:24-trixie-slim", async () => {
      await copyFile(join(NODE_PACKAGE, "bin/node"), join(dir, "node/node"));
      await build(NODE_REF, join(dir, "node"));
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function debianRoot(tar: string): Promise<void> {
  try {
    await run("unshare", ["--mount", "mmdebstrap", ...MMDEBSTRAP, "trixie", tar]);
  } catch (error) {
    throw registryError(error);
  }
}
