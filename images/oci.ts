import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const REF = "org.opencontainers.image.ref.name";

interface Index {
  readonly manifests: readonly { readonly annotations?: Readonly<Record<string, string>> }[];
}

/** Gives every image of an OCI layout, which was pushed under its full ref, the name that containerd imports it by. */
export async function nameImages(layout: string): Promise<void> {
  const path = join(layout, "index.json");
  const index = JSON.parse(await readFile(path, "utf8")) as Index;
  await writeFile(path, JSON.stringify(withNames(index)));
}

/** Pure: the index with containerd's name beside OCI's, for every image. */
export function withNames(index: Index): Index {
  const manifests = index.manifests.map((manifest) => ({
    ...manifest,
    annotations: { ...manifest.annotations, "io.containerd.image.name": manifest.annotations?.[REF] ?? "" },
  }));
  return { ...index, manifests };
}
