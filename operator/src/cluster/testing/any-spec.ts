import fc, { type Arbitrary } from "fast-check";
import type { GatewaySpec } from "../../api/gateway.ts";
import { type AaaClusterSpec, Spec } from "../../api/schema.ts";
import { type ValidatedCluster, validate } from "../validate.ts";
import { anAaaCluster, SETTINGS } from "./fixtures.ts";

/** What JSON schemas of ours are made of. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

/** Enough to tell lists and texts of different lengths apart. */
const FEW = 3;
const SHORT = 20;

/** Any value that a schema allows, but for rules in CEL. Throws at a schema of a form that it does not know. */
function anyOf(schema: Schema): Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) {
    return fc.oneof(...schema.anyOf.map((one) => anyOf({ pattern: schema.pattern ?? "", ...one })));
  }
  switch (schema.type) {
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 2 ** 31 });
    case "string":
      return textOf(schema);
    case "array":
      return fc.array(anyOf(schema.items ?? {}), { maxLength: Math.min(schema.maxItems ?? FEW, FEW) });
    case "object":
      return objectOf(schema);
    default:
      throw new Error(`no values for the schema ${JSON.stringify(schema)}`);
  }
}

function textOf({ pattern = "", minLength = 0, maxLength = SHORT }: Schema): Arbitrary<string> {
  if (pattern !== "") return fc.stringMatching(new RegExp(pattern));
  return fc.string({ minLength, maxLength: Math.min(maxLength, SHORT) });
}

function objectOf({ properties, additionalProperties, required = [] }: Schema): Arbitrary<object> {
  if (properties === undefined)
    return fc.dictionary(fc.string({ maxLength: SHORT }), anyOf(additionalProperties ?? {}), { maxKeys: FEW });
  const entries = Object.entries(properties).map(([name, schema]) => [name, anyOf(schema)] as const);
  return fc.record(Object.fromEntries(entries), { requiredKeys: [...required] });
}

const anySpecOfTheSchema = anyOf(Spec as unknown as Schema) as Arbitrary<AaaClusterSpec>;

/** What rules in CEL ask of gateways in Keepalived mode besides. */
const anyKeepalived = fc.record({
  virtualIP: fc.oneof(fc.ipV4(), fc.ipV6()),
  interface: fc.stringMatching(/^[a-zA-Z0-9_.-]{1,15}$/),
});

function lawful(spec: GatewaySpec, keepalived: Pick<GatewaySpec, "virtualIP" | "interface">): GatewaySpec {
  if (spec.mode === "Keepalived") return { ...spec, ...keepalived, replicas: Math.max(2, spec.replicas) };
  const { virtualIP, interface: _, virtualRouterID, advertIntervalMilliseconds, preemptDelaySeconds, ...rest } = spec;
  return rest;
}

/** Any spec that the schema allows. */
export const anySpec: Arbitrary<AaaClusterSpec> = fc
  .tuple(anySpecOfTheSchema, anyKeepalived, anyKeepalived, anyKeepalived)
  .map(([spec, first, second, third]) => ({
    ...spec,
    broker: { ...spec.broker, gateway: lawful(spec.broker.gateway, first) },
    oss: { ...spec.oss, gateway: lawful(spec.oss.gateway, second) },
    nodes: { ...spec.nodes, gateway: lawful(spec.nodes.gateway, third) },
  }));

/** Any name that the API server lets an AaaCluster have. */
export const anyName = fc.stringMatching(/^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$/);

/** Any name of a namespace. */
export const anyNamespace = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);

/** The AaaCluster of this name, namespace and spec, validated. */
export function clusterOf(spec: AaaClusterSpec, name = "tv", namespace = "aaa"): ValidatedCluster {
  const cluster = anAaaCluster();
  return validate({ ...cluster, metadata: { ...cluster.metadata, name, namespace }, spec }, SETTINGS);
}
