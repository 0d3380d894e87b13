import { expect, test } from "@jest/globals";
import { mergeIndexes } from "./oci.ts";

const REF = "org.opencontainers.image.ref.name";

test("containerd gets every image of every layout under its full ref", () => {
  const index = (ref: string) => ({
    schemaVersion: 2,
    manifests: [{ digest: `sha256:${ref}`, annotations: { [REF]: ref } }],
  });
  const image = (ref: string) => ({
    digest: `sha256:${ref}`,
    annotations: { [REF]: ref, "io.containerd.image.name": ref },
  });
  expect(mergeIndexes([index("a.io/one:1"), index("a.io/two:2")])).toEqual({
    schemaVersion: 2,
    manifests: [image("a.io/one:1"), image("a.io/two:2")],
  });
});
