import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../test/lib/run.ts";

const REF = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME = "io.containerd.image.name";

interface Index {
  readonly schemaVersion: number;
  readonly manifests: readonly { readonly annotations?: Readonly<Record<string, string>> }[];
}

/** Writes OCI layouts as one archive that containerd imports under the images' refs; what they share is in it once. */
export async function writeArchive(layouts: readonly string[], archive: string): Promise<void> {
  const merged = `${archive}.layout`;
  try {
    for (const layout of layouts) await cp(layout, merged, { recursive: true });
    const indexes = await Promise.all(layouts.map((layout) => readFile(join(layout, "index.json"), "utf8")));
    const index = mergeIndexes(indexes.map((text) => JSON.parse(text) as Index));
    await writeFile(join(merged, "index.json"), JSON.stringify(index));
    await run("tar", ["--create", "--file", archive, "--directory", merged, "."]);
  } finally {
    await rm(merged, { recursive: true, force: true });
  }
}

/** Pure: one index of all images, each with the name containerd gives it beside OCI's. */
export function mergeIndexes(indexes: readonly Index[]): Index {
  const manifests = indexes.flatMap((index) => index.manifests);
  return {
    schemaVersion: 2,
    manifests: manifests.map((manifest) => ({
      ...manifest,
      annotations: { ...manifest.annotations, [CONTAINERD_NAME]: manifest.annotations?.[REF] ?? "" },
    })),
  };
}
