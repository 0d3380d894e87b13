import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { customResourceDefinition } from "./crd.ts";
import { reference } from "./reference.ts";

const ROOT = new URL("../../../", import.meta.url);

/** Generated files and their content, by path from the root of the repository. */
export function generatedFiles(): Readonly<Record<string, string>> {
  const origin = "Generated from operator/src/api by `make crds`. Do not edit.";
  const definition = customResourceDefinition();
  const crd = `# ${origin}\n${stringify(definition, { lineWidth: 0 })}`;
  return {
    "crds/aaaclusters.aaacluster.io.yaml": crd,
    "charts/aaa-operator/files/crd.yaml": crd,
    "docs/reference.md": `<!-- ${origin} -->\n\n${reference(definition)}`,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, content] of Object.entries(generatedFiles())) {
    const file = fileURLToPath(new URL(path, ROOT));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}
