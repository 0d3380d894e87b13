import fc from "fast-check";
import type { TSchema } from "typebox";

/** A JSON Schema, or a part of one, as an OpenAPI document has it. */
export interface Schema {
  readonly $ref?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly type?: string;
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** The same schema with what its references name in their place. */
export function dereferenced(document: unknown, schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map((item) => dereferenced(document, item));
  if (typeof schema !== "object" || schema === null) return schema;
  const { $ref } = schema as Schema;
  if ($ref === undefined) {
    return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, dereferenced(document, value)]));
  }
  const target = $ref
    .slice(2)
    .split("/")
    .reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], document);
  return dereferenced(document, target);
}

/** The schema for TypeBox, which reads any JSON Schema. */
export const compilable = (schema: unknown): TSchema => schema as TSchema;

/** Values that a schema without references allows. Throws for a keyword that it does not know how to make values of. */
export function valid(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(valid));
  switch (schema.type) {
    case "string":
      return text(schema);
    case "integer":
      return fc.integer({
        min: schema.minimum ?? -(2 ** 31),
        max: Math.min(schema.maximum ?? 2 ** 31 - 1, 2 ** 31 - 1),
      });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(valid(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 8, 8),
      });
    case "object": {
      const members = Object.entries(schema.properties ?? {}).map(([name, member]) => [name, valid(member)]);
      return record(Object.fromEntries(members), schema.required ?? []);
    }
    default:
      throw new Error(`no values for ${JSON.stringify(schema)}`);
  }
}

function record(
  members: Readonly<Record<string, fc.Arbitrary<unknown>>>,
  required: readonly string[],
): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(members, { requiredKeys: [...required] });
}

function text({ pattern, format, minLength = 0, maxLength = 4096 }: Schema): fc.Arbitrary<string> {
  if (format === "date-time")
    return fc.date({ noInvalidDate: true, min: new Date(0) }).map((date) => date.toISOString());
  const fits = (value: string): boolean => value.length >= minLength && value.length <= maxLength;
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern, "u"), { maxLength }).filter(fits);
  return fc.string({ unit: "binary", minLength, maxLength: Math.min(maxLength, 64) }).filter(fits);
}

/** Values that are near to what a schema of an object allows: a member too few, too many, or of another type. */
export function nearly(schema: Schema): fc.Arbitrary<unknown> {
  const names = Object.keys(schema.properties ?? {});
  const whole = valid({ ...schema, required: names }) as fc.Arbitrary<Record<string, unknown>>;
  const name = fc.constantFrom(...names);
  return fc.oneof(
    fc.tuple(whole, name, fc.jsonValue()).map(([value, key, other]) => ({ ...value, [key]: other })),
    fc.tuple(whole, name).map(([value, key]) => ({ ...value, [key]: undefined })),
    fc.tuple(whole, fc.string(), fc.jsonValue()).map(([value, key, other]) => ({ ...value, [key]: other })),
    fc.tuple(whole, name, fc.integer({ min: -9, max: -1 })).map(([value, key, other]) => ({ ...value, [key]: other })),
    fc.tuple(whole, name, fc.nat(3)).map(([value, key, by]) => ({ ...value, [key]: textOf(value[key]).repeat(by) })),
    fc.jsonValue(),
  );
}

// Objects of fast-check may have no prototype, and so no text of their own.
const textOf = (value: unknown): string => (typeof value === "string" ? value : String(JSON.stringify(value)));
