import { expect, test } from "@jest/globals";
import { customResourceDefinition } from "./crd.ts";
import type { Schema } from "./openapi.ts";
import { reference } from "./reference.ts";

const object = (properties: Record<string, Schema>, rest: Schema = {}): Schema => ({
  type: "object",
  properties,
  ...rest,
});

/** The page of the AaaCluster, if its spec and status had these fields. */
function page(spec: Record<string, Schema>, status: Record<string, Schema> = {}, rest: Schema = {}): string {
  const crd = customResourceDefinition();
  const openAPIV3Schema = object({ spec: object(spec, rest), status: object(status, rest) });
  const versions = crd.spec.versions.map((version) => ({ ...version, schema: { openAPIV3Schema } }));
  return reference({ ...crd, spec: { ...crd.spec, versions } });
}

const size = { type: "string", description: "How big.", default: "2Gi" };

test.each<[string, Schema, string]>([
  ["a number", { type: "integer", minimum: 1, maximum: 9, default: 3 }, "| integer, 1 to 9 | `3` |"],
  ["a number with one bound", { type: "integer", minimum: 0 }, "| integer, 0 or more |  |"],
  ["a text", { type: "string", maxLength: 20 }, "| string, up to 20 characters |  |"],
  ["a time", { type: "string", format: "date-time" }, "| date-time |  |"],
  ["a choice", { type: "string", enum: ["A", "B", "C"], default: "A" }, "| `A`, `B` or `C` | `A` |"],
  ["false", { type: "boolean", default: false }, "| boolean | `false` |"],
  [
    "a map",
    { type: "object", additionalProperties: { type: "string" }, maxProperties: 8 },
    "| map of string to string, up to 8 entries |  |",
  ],
  ["a quantity", { anyOf: [], "x-kubernetes-int-or-string": true }, "| integer or string |  |"],
  ["a list", { type: "array", items: { type: "string" }, minItems: 1 }, "| list of string, 1 or more entries |  |"],
  [
    "a map with a default",
    { type: "object", additionalProperties: { type: "string" }, default: { a: { b: "1m" } } },
    "| map of string to string | `{a: {b: 1m}}` |",
  ],
])("%s shows its type, its bounds and its default", (_kind, field, cells) => {
  expect(page({ field: { ...field, description: "Something." } })).toContain(`\n| \`field\` ${cells} Something. |\n`);
});

test("a field that must be written is required, a status field that is not always there says so", () => {
  const name = { type: "string", description: "A name." };
  const told = page({ name }, { name, address: name }, { required: ["name"] });
  expect(told).toContain("| `name` | string | required | A name. |");
  expect(told).toContain("| `name` | string | always | A name. |");
  expect(told).toContain("| `address` | string | when known | A name. |");
});

test("a rule shows what is answered to those who break it, and whether it is about changes", () => {
  const rules = [
    { rule: "self > 0", message: "write more" },
    { rule: "self == oldSelf", message: "write the old one" },
  ];
  const field = { type: "integer", description: "It.", "x-kubernetes-validations": rules };
  expect(page({ field })).toContain("| It.<br>*Refused:* write more.<br>*Refused in an update:* write the old one. |");
});

test("an object has a table under its path, which its field links to", () => {
  const rules = [{ rule: "self == oldSelf", message: "keep it" }];
  const storage = object({ size }, { description: "A volume.", default: {}, "x-kubernetes-validations": rules });
  const told = page({ broker: object({ storage }, { description: "RabbitMQ." }) });
  expect(told).toContain("| `storage` | [object](#specbrokerstorage) |  | A volume. |");
  expect(told).toContain(
    "### spec.broker.storage\n\nA volume.\n\n- *Refused in an update:* keep it.\n\n" +
      "| field | type | default | what it is |\n| --- | --- | --- | --- |\n| `size` | string | `2Gi` | How big. |\n",
  );
});

test("a list of objects has a table for one of them", () => {
  const podNames = { type: "array", items: object({ size }), "x-kubernetes-list-map-keys": ["size"] };
  const told = page({}, { podNames });
  expect(told).toContain("| `podNames` | [list of objects, one for each `size`](#statuspodnames) |");
  expect(told).toContain("### status.podNames[]\n");
});

test("objects of the same shape have one table, and each place shows its own default", () => {
  const volume = (initially: object) => object({ size }, { description: "A volume.", default: initially });
  const told = page({ a: volume({ size: "1Gi" }), b: volume({}), c: object({ size }, { description: "Another." }) });
  expect(told).toContain("| `a` | [object](#speca) | `{size: 1Gi}` | A volume. |");
  expect(told).toContain("| `b` | [object](#speca) |  | A volume. |");
  expect(told).toContain("### spec.a\n\nA volume.\n\nThe same at `spec.b`.\n");
  expect(told).not.toContain("### spec.b");
  expect(told).toContain("### spec.c\n\nAnother.\n");
});

test("nothing in a text or a pattern breaks a table or vanishes as HTML", () => {
  const field = { type: "string", description: "One|two\n<three> *four*", pattern: "^(a|b)$" };
  expect(page({ field })).toContain(
    "\n| `field` | string |  | One\\|two \\<three> \\*four\\*<br>Matches `^(a\\|b)$`. |\n",
  );
});

test("it begins with what kubectl shows", () => {
  const told = page({});
  expect(told).toMatch(/^kubectl get aaaclusters +# or aaacluster, aaa$/m);
  expect(told).toMatch(/^kubectl scale .* # sets spec.nodes.replicas$/m);
  expect(told).toContain("| Reason, with `-o wide` | Why it is ready or not, in one word. |");
});

test("every link of the AaaCluster's page leads to one heading", () => {
  const told = reference(customResourceDefinition());
  const headings = [...told.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading.replaceAll(/[.[\]]/g, ""));
  const targets = [...told.matchAll(/\(#([^)]*)\)/g)].map(([, target]) => target);
  expect(targets.length).toBeGreaterThan(0);
  for (const target of targets) expect(headings.filter((h) => h.toLowerCase() === target)).toHaveLength(1);
});

/** What the page tells, and two that change nothing for a reader. */
const KEYWORDS = new Set(
  [
    "type description default enum format pattern minimum maximum minLength maxLength minItems maxItems minProperties",
    "maxProperties required properties items additionalProperties x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys x-kubernetes-validations anyOf x-kubernetes-list-type",
  ].flatMap((line) => line.split(" ")),
);

test("no keyword of the AaaCluster's schema goes untold", () => {
  const untold = (schema: Schema): readonly string[] => {
    const { properties = {}, items, additionalProperties } = schema;
    const within = [...Object.values(properties), items, additionalProperties].filter((part) => part !== undefined);
    return [...Object.keys(schema).filter((keyword) => !KEYWORDS.has(keyword)), ...within.flatMap(untold)];
  };
  const roots = customResourceDefinition().spec.versions.map(({ schema }) => schema.openAPIV3Schema);
  expect(roots.flatMap(untold)).toEqual([]);
});
