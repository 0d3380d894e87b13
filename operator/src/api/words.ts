import { stringify } from "yaml";
import type { Schema } from "./openapi.ts";

// What the reference says about one schema, as Markdown that is safe in the cell of a table.

/** Text as it is, whatever Markdown or HTML would make of it. */
export const prose = (text: string): string => text.replaceAll(/[\\|<*]/g, "\\$&").replaceAll("\n", " ");

/** Something that is typed as it is. */
export const code = (text: string): string => `\`${text.replaceAll("|", "\\|")}\``;

/** What may be written: the type and its bounds, as `integer, 1 to 9`. */
export function typeOf(schema: Schema): string {
  if (schema.enum !== undefined) return either(schema.enum.map(code));
  if (schema["x-kubernetes-int-or-string"] === true) return "integer or string";
  switch (schema.type) {
    case "string":
      return `${schema.format ?? "string"}${bounds(schema.minLength, schema.maxLength, " characters")}`;
    case "array":
      return `list of ${several(schema.items)}${bounds(schema.minItems, schema.maxItems, " entries")}${keys(schema)}`;
    case "object":
      return `${mapOrObject(schema)}${bounds(schema.minProperties, schema.maxProperties, " entries")}`;
    default:
      return `${schema.type ?? "anything"}${bounds(schema.minimum, schema.maximum)}`;
  }
}

/** The default of a field as YAML. None for `{}`, which only lets the defaults of an object's own fields count. */
export function defaultOf({ default: value }: Schema): string {
  if (value === undefined || JSON.stringify(value) === "{}") return "";
  return code(stringify(value, { collectionStyle: "flow", flowCollectionPadding: false, lineWidth: 0 }).trim());
}

/** What the API server answers to those who break the schema's rules, one text for each. */
export function refusals({ "x-kubernetes-validations": rules = [] }: Schema): readonly string[] {
  return rules.map(({ rule, message }) => {
    const when = /\boldSelf\b/.test(rule) ? "Refused in an update" : "Refused";
    return `*${when}:* ${prose(message)}.`;
  });
}

/** The pattern that a text, or each value of a list or map, has to match: one text or none. */
export function patterns({ pattern, items, additionalProperties }: Schema): readonly string[] {
  if (pattern !== undefined) return [`Matches ${code(pattern)}.`];
  const each = (items ?? additionalProperties)?.pattern;
  return each === undefined ? [] : [`Each matches ${code(each)}.`];
}

const mapOrObject = ({ additionalProperties: values }: Schema): string =>
  values === undefined ? "object" : `map of string to ${typeOf(values)}`;

const several = (items: Schema = {}): string => (items.properties === undefined ? typeOf(items) : "objects");

const keys = ({ "x-kubernetes-list-map-keys": names = [] }: Schema): string =>
  names.length === 0 ? "" : `, one for each ${names.map(code).join(" and ")}`;

function bounds(least: number | undefined, most: number | undefined, unit = ""): string {
  if (least === undefined) return most === undefined ? "" : `, up to ${most}${unit}`;
  return most === undefined ? `, ${least} or more${unit}` : `, ${least} to ${most}${unit}`;
}

/** "a", "a or b", "a, b or c". */
const either = (words: readonly string[]): string => words.join(", ").replace(/, (?=[^,]*$)/, " or ");
