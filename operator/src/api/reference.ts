import type { CustomResourceDefinition } from "./crd.ts";
import type { Schema } from "./openapi.ts";
import { code, defaultOf, patterns, prose, refusals, typeOf } from "./words.ts";

/** An object of the schema and where it is: `spec.broker.storage`, or `status.partitions[]` for each of several. */
interface Place {
  readonly path: string;
  readonly schema: Schema;
}

/** The third column of a table: what it says of a field that is required, or is not. */
interface Column {
  readonly head: string;
  readonly cell: (field: Schema, required: boolean) => string;
}

type Names = CustomResourceDefinition["spec"]["names"];
type Version = CustomResourceDefinition["spec"]["versions"][number];

const DEFAULT: Column = { head: "default", cell: (field, required) => (required ? "required" : defaultOf(field)) };
const PRESENT: Column = { head: "present", cell: (_field, required) => (required ? "always" : "when known") };

const LEGEND = `Each object has a table of its own, headed by its path. One that is the same in several places is described once, and
the other places link there.

- A *default* is what the API server fills in when the field is left out. An object with none takes the defaults of its
  fields; any other field with none may be left out, unless it is required.
- *Refused* begins what the API server answers to those who break a rule. Nothing has happened then.
- *present* tells what every status has. The rest appears as soon as the operator knows it.
- The words (broker, node, partition, epoch, lag, …) are those of the [glossary](glossary.md).`;

/** The page of a resource, as Markdown: what kubectl shows of it, then a table for each object of its spec and status. */
export function reference({ spec: { group, names, versions } }: CustomResourceDefinition): string {
  const parts = versions.flatMap((version) => {
    const root = version.schema.openAPIV3Schema;
    const { spec = {}, status = {} } = root.properties ?? {};
    return [
      `# ${names.kind}, ${group}/${version.name}`,
      prose(root.description ?? ""),
      bullets(refusals(root)),
      "## In kubectl",
      kubectl(names, version),
      "## How to read the tables",
      LEGEND,
      ...sections({ path: "spec", schema: spec }, DEFAULT),
      ...sections({ path: "status", schema: status }, PRESENT),
    ];
  });
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function kubectl({ plural, singular, shortNames }: Names, { additionalPrinterColumns, subresources }: Version): string {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = subresources.scale;
  const [short = singular] = shortNames;
  const commands = [
    [`kubectl get ${plural}`, `or ${[singular, ...shortNames].join(", ")}`],
    [`kubectl explain ${singular}.spec`, "what this page says, in the terminal"],
    [`kubectl wait --for=condition=Ready ${short}/NAME`, "until it serves"],
    [`kubectl scale ${short}/NAME --replicas=3`, `sets ${specReplicasPath.slice(1)}`],
  ] as const;
  const width = Math.max(...commands.map(([command]) => command.length));
  const columns = additionalPrinterColumns.map(({ name, description, jsonPath, priority = 0 }) => [
    priority > 0 ? `${name}, with \`-o wide\`` : name,
    prose(description),
    code(jsonPath),
  ]);
  return `\`\`\`sh
${commands.map(([command, remark]) => `${command.padEnd(width)}   # ${remark}`).join("\n")}
\`\`\`

A HorizontalPodAutoscaler scales it by the same field; it reads ${code(statusReplicasPath)} and finds the pods by
${code(labelSelectorPath)}.

${table(["column", "what it shows", "from"], columns)}`;
}

/** Heading, text and table of every object in a tree, in the order of reading; one for all that have the same shape. */
function sections(tree: Place, column: Column): readonly string[] {
  const groups = [...Map.groupBy(objects(tree), ({ schema }) => shape(schema)).values()];
  const anchors = new Map(
    groups.flatMap((places) => places.map(({ path }) => [path, anchor(places[0]?.path ?? path)] as const)),
  );
  return groups.flatMap((places) => section(places, column, anchors));
}

function objects({ path, schema }: Place): readonly Place[] {
  const each = schema.items ?? schema.additionalProperties;
  return [
    ...(schema.properties === undefined ? [] : [{ path, schema }]),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
      objects({ path: `${path}.${name}`, schema: field }),
    ),
    ...(each === undefined ? [] : objects({ path: `${path}[]`, schema: each })),
  ];
}

/** Equal for objects that one table can describe. Their defaults may differ: the tables that hold them tell those. */
const shape = (schema: Schema): string => JSON.stringify({ ...schema, default: undefined });

function section(
  [first, ...others]: readonly Place[],
  column: Column,
  anchors: ReadonlyMap<string, string>,
): readonly string[] {
  if (first === undefined) return [];
  const { path, schema } = first;
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const at = `${path}.${name}`;
    const target = anchors.get(at) ?? anchors.get(`${at}[]`);
    return [
      code(name),
      target === undefined ? typeOf(field) : `[${typeOf(field)}](#${target})`,
      column.cell(field, schema.required?.includes(name) ?? false),
      about(field),
    ];
  });
  return [
    `${path.includes(".") ? "###" : "##"} ${path}`,
    prose(schema.description ?? ""),
    others.length === 0 ? "" : `The same at ${others.map((other) => code(other.path)).join(", ")}.`,
    bullets(refusals(schema)),
    table(["field", "type", column.head, "what it is"], rows),
  ];
}

/** The text of a field. The rules of an object are told above its own table. */
function about(field: Schema): string {
  const rules = field.properties === undefined ? refusals(field) : [];
  return [prose(field.description ?? ""), ...patterns(field), ...rules].join("<br>");
}

/** The id that GitHub gives to a heading. */
const anchor = (heading: string): string => heading.toLowerCase().replaceAll(/[^a-z0-9_-]/g, "");

const bullets = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join("\n");

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
