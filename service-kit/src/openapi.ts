import Type, { type TSchema } from "typebox";

export type Json = Readonly<Record<string, unknown>>;

/** Schemas by media type; of NDJSON the schema is that of a line. */
export type Content = Readonly<Record<string, TSchema>>;

/** A parameter of an operation. */
export interface Parameter {
  readonly in: "path" | "query" | "header";
  readonly schema: TSchema;
  readonly description: string;
}

/** A header of an answer. */
export interface Header {
  readonly description: string;
  readonly schema: TSchema;
}

export interface Answer {
  readonly description: string;
  readonly content?: Content;
  readonly headers?: Readonly<Record<string, Header>>;
}

/** One request that an API takes. */
export interface ApiOperation {
  readonly operationId: string;
  readonly method: string;
  /** With parameters in braces, for example `/v1/devices/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly string[];
  readonly content?: Content;
  readonly answers: Readonly<Record<number, Answer>>;
  /** The statuses of problems it may answer. */
  readonly problems: readonly number[];
  /** Whether it is answered without a token, where the API wants one. */
  readonly isOpen?: boolean;
}

export interface Api {
  /** The members of the document that say what the API is: `info`, `servers` and perhaps `security`. */
  readonly head: Json;
  readonly operations: readonly ApiOperation[];
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** What each status of a problem means. */
  readonly problems: Readonly<Record<number, string>>;
  /** The schemas that have a name in the document. */
  readonly schemas: Readonly<Record<string, TSchema>>;
  readonly securitySchemes?: Json;
}

/** An answer other than 2xx (RFC 9457). */
export const ProblemSchema = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  errors: Type.Optional(Type.Array(Type.String())),
});

/** An API as an OpenAPI 3.1 document. */
export function openApiOf({ head, operations, parameters, problems, schemas, securitySchemes }: Api): Json {
  const names = new Map(Object.entries(schemas).map(([name, schema]) => [schema, name]));
  const writer = new Writer(names);
  const paths = [...Map.groupBy(operations, ({ path }) => path)].map(([path, group]) => [
    path,
    Object.fromEntries(group.map((operation) => [operation.method.toLowerCase(), writer.operation(operation)])),
  ]);
  return {
    openapi: "3.1.0",
    ...head,
    paths: Object.fromEntries(paths),
    components: {
      schemas: mapValues(schemas, (schema) => writer.plain(schema)),
      ...(Object.keys(parameters).length === 0
        ? {}
        : { parameters: mapEntries<Parameter>(parameters, (name, parameter) => writer.parameter(name, parameter)) }),
      responses: mapValues(problems, (description) =>
        writer.answer({ description, content: { "application/problem+json": ProblemSchema } }),
      ),
      ...(securitySchemes === undefined ? {} : { securitySchemes }),
    },
  };
}

/** Writes the parts of a document, with a reference to each schema that has a name. */
class Writer {
  readonly #names: ReadonlyMap<unknown, string>;

  constructor(names: ReadonlyMap<unknown, string>) {
    this.#names = names;
  }

  operation(operation: ApiOperation): Json {
    const { operationId, summary, description, content, answers, problems, isOpen } = operation;
    return {
      operationId,
      summary,
      ...(description === undefined ? {} : { description }),
      ...(isOpen === true ? { security: [] } : {}),
      parameters: operation.parameters.map((name) => reference("parameters", name)),
      ...(content === undefined ? {} : { requestBody: { required: true, content: this.#content(content) } }),
      responses: {
        ...mapValues(answers, (answer) => this.answer(answer)),
        ...Object.fromEntries(problems.map((status) => [status, reference("responses", status)])),
      },
    };
  }

  parameter(name: string, { schema, description, in: place }: Parameter): Json {
    return { name, in: place, required: place === "path", description, schema: this.#schema(schema) };
  }

  answer({ description, content, headers }: Answer): Json {
    const headed = (header: Header) => ({ ...header, schema: this.#schema(header.schema) });
    return {
      description,
      ...(headers === undefined ? {} : { headers: mapValues(headers, headed) }),
      ...(content === undefined ? {} : { content: this.#content(content) }),
    };
  }

  /** A schema as it is written, without what TypeBox keeps for itself. */
  plain(schema: TSchema): unknown {
    const inside = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(inside);
      if (typeof value !== "object" || value === null) return value;
      return this.#names.has(value) ? this.#schema(value as TSchema) : mapValues(value, inside);
    };
    return mapValues(schema, inside);
  }

  #content(content: Content): Json {
    return mapValues(content, (schema) => ({ schema: this.#schema(schema) }));
  }

  #schema(schema: TSchema): unknown {
    const name = this.#names.get(schema);
    return name === undefined ? this.plain(schema) : reference("schemas", name);
  }
}

const reference = (kind: "schemas" | "parameters" | "responses", name: string | number): Json => ({
  $ref: `#/components/${kind}/${name}`,
});

function mapEntries<T>(object: object, change: (key: string, value: T) => unknown): Json {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(key, value as T)]));
}

const mapValues = <T>(object: Readonly<Record<string | number, T>> | object, change: (value: T) => unknown): Json =>
  mapEntries<T>(object, (_, value) => change(value));
