import { expect, test } from "@jest/globals";
import type { AaaClusterSpec } from "../../api/schema.ts";
import { aCluster, type Partially } from "../testing/fixtures.ts";
import { ALL_EXTERNAL, EXTERNAL_BROKER, EXTERNAL_DATABASE, FULL } from "../testing/specs.ts";
import { componentsOf } from "./components.ts";

const inShort = (spec: Partially<AaaClusterSpec>): string =>
  componentsOf(aCluster(spec))
    .map(({ component, replicas }) => `${component} x ${replicas}`)
    .join(", ");

test.each<[string, Partially<AaaClusterSpec>, string]>([
  [
    "no wishes",
    {},
    "broker x 3, oss-database x 1, oss x 2, aaa x 2, broker-gateway x 2, oss-gateway x 2, aaa-gateway x 2",
  ],
  [
    "numbers of its own",
    FULL,
    "broker x 5, oss-database x 1, oss x 3, aaa x 7, broker-gateway x 3, oss-gateway x 3, aaa-gateway x 3",
  ],
  ["an external broker", EXTERNAL_BROKER, "oss-database x 1, oss x 2, aaa x 2, oss-gateway x 2, aaa-gateway x 2"],
  [
    "an external database",
    EXTERNAL_DATABASE,
    "broker x 3, oss x 2, aaa x 2, broker-gateway x 2, oss-gateway x 2, aaa-gateway x 2",
  ],
  ["both external", ALL_EXTERNAL, "oss x 2, aaa x 2, oss-gateway x 2, aaa-gateway x 2"],
])("the components of a cluster with %s", (_, spec, components) => {
  expect(inShort(spec)).toBe(components);
});
