import type { TSchema } from "typebox";
import { type Answer, type Operation, operations, parameters, problems } from "./operations.ts";
import { components, Problem } from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;

const names = new Map(Object.entries(components).map(([name, schema]) => [schema, name]));

/** The API as an OpenAPI 3.1 document. */
export function openApiDocument(): Json {
  const paths = [...Map.groupBy(operations, ({ path }) => path)].map(([path, group]) => [
    path,
    Object.fromEntries(group.map((operation) => [operation.method.toLowerCase(), describeOperation(operation)])),
  ]);
  return {
    openapi: "3.1.0",
    info: {
      title: "OSS provisioning API",
      version: "1.0.0",
      description:
        "Subscribers, devices, product offerings and entitlements of an AAA cluster. A 2xx means: committed, and every " +
        "AAA node will get it, whatever happens next. Every other answer is a problem (RFC 9457) and has changed nothing.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "Port 6070 of the OSS gateway, port 6700 of an OSS replica" }],
    security: [{ token: [] }],
    paths: Object.fromEntries(paths),
    components: {
      schemas: mapValues(components, plain),
      parameters: Object.fromEntries(Object.keys(parameters).map((name) => [name, describeParameter(name as never)])),
      responses: mapValues(problems, describeProblem),
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

function describeOperation(operation: Operation): Json {
  const { operationId, summary, description, content, answers, problems: statuses, isOpen } = operation;
  return {
    operationId,
    summary,
    ...(description === undefined ? {} : { description }),
    ...(isOpen === true ? { security: [] } : {}),
    parameters: operation.parameters.map((name) => reference("parameters", name)),
    ...(content === undefined ? {} : { requestBody: { required: true, content: describeContent(content) } }),
    responses: {
      ...mapValues(answers, describeAnswer),
      ...Object.fromEntries(statuses.map((status) => [status, reference("responses", status)])),
    },
  };
}

function describeParameter(name: keyof typeof parameters): Json {
  const { schema, description, in: place } = parameters[name];
  return { name, in: place, required: place === "path", description, schema: describe(schema) };
}

function describeAnswer({ description, content, etag }: Answer): Json {
  return {
    description,
    ...(etag === true
      ? { headers: { ETag: { description: "The version, in double quotes", schema: { type: "string" } } } }
      : {}),
    ...(content === undefined ? {} : { content: describeContent(content) }),
  };
}

const describeProblem = (description: string): Json =>
  describeAnswer({ description, content: { "application/problem+json": Problem } });

const describeContent = (content: Readonly<Record<string, TSchema>>): Json =>
  mapValues(content, (schema) => ({ schema: describe(schema) }));

const reference = (kind: "schemas" | "parameters" | "responses", name: string | number): Json => ({
  $ref: `#/components/${kind}/${name}`,
});

/** A schema by its name where it has one, so that it stands in the document once. */
function describe(schema: TSchema): unknown {
  const name = names.get(schema);
  return name === undefined ? plain(schema) : reference("schemas", name);
}

/** A schema as it is written, without what TypeBox keeps for itself, and with a reference to each named one inside it. */
function plain(schema: TSchema): unknown {
  const inside = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inside);
    if (typeof value !== "object" || value === null) return value;
    return names.has(value) ? describe(value) : mapValues(value, inside);
  };
  return mapValues(schema, inside);
}

function mapValues<T>(object: Readonly<Record<string | number, T>> | object, change: (value: T) => unknown): Json {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value as T)]));
}
