import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { customResourceDefinition } from "./crd.ts";

const ROOT = new URL("../../../", import.meta.url);

/** Generated files and their content, by path from the root of the repository. */
export function generatedFiles(): Readonly<Record<string, string>> {
  const crd = `# Generated from operator/src/api by \`make crds\`. Do not edit.\n${stringify(customResourceDefinition(), { lineWidth: 0 })}`;
  return { "crds/aaaclusters.aaacluster.io.yaml": crd, "charts/aaa-operator/files/crd.yaml": crd };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, content] of Object.entries(generatedFiles())) {
    const file = fileURLToPath(new URL(path, ROOT));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}
