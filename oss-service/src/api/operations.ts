import { type EntityName, Identifier } from "@aaa-cluster/contract";
import type { ApiOperation, Content } from "@aaa-cluster/service-kit";
import Type, { type TSchema } from "typebox";
import {
  AccountingRecordPage,
  BulkAnswer,
  BulkLine,
  ChangeAnswer,
  ChunkAnswer,
  ChunksEnd,
  inputs,
  patches,
  RelayState,
  StreamState,
  views,
} from "./schemas.ts";

export const JSON_TYPE = "application/json";
export const MERGE_PATCH = "application/merge-patch+json";
export const NDJSON = "application/x-ndjson";

/** One request that the API takes: what the routes are registered from, and the document is made of. */
export interface Operation extends ApiOperation {
  readonly method: "GET" | "PUT" | "PATCH" | "DELETE" | "POST";
  readonly parameters: readonly (keyof typeof parameters)[];
  readonly problems: readonly (keyof typeof problems)[];
}

/** Parameters by name. */
export const parameters = {
  id: { in: "path", schema: Identifier, description: "The entity's identifier, chosen by the caller" },
  "If-Match": {
    in: "header",
    schema: Type.String(),
    description: "Versions in double quotes, as `ETag` gives them, or `*`: the entity must be at one of them, else 412",
  },
  "If-None-Match": {
    in: "header",
    schema: Type.String(),
    description: "Versions in double quotes, or `*`: the entity must be at none of them, else 412, and 304 to GET",
  },
  "Idempotency-Key": {
    in: "header",
    schema: Type.String(),
    description:
      "Any text in double quotes, a new one for every new request. A request that is sent again with its key gets the " +
      "first answer and changes nothing, for 24 hours",
  },
  subscriberId: { in: "query", schema: Identifier, description: "Only records of this subscriber" },
  deviceId: { in: "query", schema: Identifier, description: "Only records of this device" },
  cursor: {
    in: "query",
    schema: Type.String({ pattern: "^[1-9][0-9]{0,17}$" }),
    description: "`next` of the page before; without it, the first page",
  },
} as const;

export const problems = {
  400: "What was sent does not have the expected form; `errors` says what to write",
  401: "The bearer token is missing or wrong",
  404: "There is no such entity",
  409: "Other entities refer to this one",
  412: "The entity is not at the version that was asked for; `detail` names both",
  413: "The request is too large",
  415: "The content type is not the one that is taken here",
  422: "The request refers to what does not exist, lacks a password, or has the idempotency key of another one",
  503: "The database cannot be used now; send the request again",
} as const;

/** Where the entities of each kind are. */
export const collections = {
  Subscriber: "subscribers",
  Device: "devices",
  ProductOffering: "productOfferings",
  Entitlement: "entitlements",
} as const satisfies Record<EntityName, string>;

/** Of an answer that carries the version of the entity. */
const etag = { headers: { ETag: { description: "The version, in double quotes", schema: Type.String() } } };

const json = (schema: TSchema): Content => ({ [JSON_TYPE]: schema });
const conditional = ["id", "If-Match", "Idempotency-Key"] as const;
const changed = { description: "Changed, committed, and on its way to every node", content: json(ChangeAnswer) };

/** What can be done with the entities of one kind. */
export function operationsOf(entity: EntityName): Readonly<Record<"read" | "put" | "patch" | "delete", Operation>> {
  const path = `/v1/${collections[entity]}/{id}`;
  return {
    read: {
      operationId: `get${entity}`,
      method: "GET",
      path,
      summary: `Shows a ${entity}`,
      parameters: ["id", "If-None-Match"],
      answers: {
        200: { description: "All of it but its credential", content: json(views[entity]), ...etag },
        304: { description: "It is still at that version", ...etag },
      },
      problems: [400, 401, 404, 503],
    },
    put: {
      operationId: `put${entity}`,
      method: "PUT",
      path,
      summary: `Creates a ${entity}, or replaces all of it`,
      parameters: ["id", "If-Match", "If-None-Match", "Idempotency-Key"],
      content: json(inputs[entity]),
      answers: {
        200: { ...changed, ...etag },
        201: { ...changed, description: "Created, committed, and on its way to every node", ...etag },
      },
      problems: [400, 401, 412, 413, 415, 422, 503],
    },
    patch: {
      operationId: `patch${entity}`,
      method: "PATCH",
      path,
      summary: `Changes single members of a ${entity}`,
      description: "The result is validated as a whole. A member that is null is taken away.",
      parameters: conditional,
      content: { [MERGE_PATCH]: patches[entity] },
      answers: { 200: { ...changed, ...etag } },
      problems: [400, 401, 404, 412, 413, 415, 422, 503],
    },
    delete: {
      operationId: `delete${entity}`,
      method: "DELETE",
      path,
      summary: `Deletes a ${entity}`,
      parameters: conditional,
      answers: { 200: { ...changed, description: "Deleted, committed, and on its way to every node" } },
      problems: [400, 401, 404, 409, 412, 422, 503],
    },
  };
}

export const bulk: Operation = {
  operationId: "bulk",
  method: "POST",
  path: "/v1/bulk",
  summary: "Puts and deletes many entities",
  description:
    "By default all lines are applied or none, at most 10,000 lines and 16 MiB. With `Accept: application/x-ndjson` any " +
    "number of lines is applied in chunks of at most 1,000 lines, in order, up to the first chunk that cannot be; the " +
    "answer is a line per chunk, then one with `complete`. All lines up to and with its `through` are applied, and no other.",
  parameters: ["Idempotency-Key"],
  content: { [NDJSON]: BulkLine },
  answers: {
    200: {
      description: "Committed, and on its way to every node; in chunks: as far as the last line says",
      content: { ...json(BulkAnswer), [NDJSON]: Type.Union([ChunkAnswer, ChunksEnd]) },
    },
  },
  problems: [400, 401, 404, 409, 413, 415, 422, 503],
};

export const stream: Operation = {
  operationId: "getStream",
  method: "GET",
  path: "/v1/stream",
  summary: "Shows the last sequence number, and up to which one the broker has confirmed everything",
  parameters: [],
  answers: { 200: { description: "Where the stream is", content: json(StreamState) } },
  problems: [401, 503],
};

export const accountingRecords: Operation = {
  operationId: "getAccountingRecords",
  method: "GET",
  path: "/v1/accountingRecords",
  summary: "Lists accounting records, those that came last first",
  parameters: ["subscriberId", "deviceId", "cursor"],
  answers: { 200: { description: "Up to 100 records", content: json(AccountingRecordPage) } },
  problems: [400, 401, 503],
};

export const relay: Operation = {
  operationId: "getRelay",
  method: "GET",
  path: "/v1/relay",
  summary: "Shows whether this replica relays, and how many events are not known to be with the broker",
  parameters: [],
  answers: { 200: { description: "What this replica does", content: json(RelayState) } },
  problems: [503],
  isOpen: true,
};

export const openapi: Operation = {
  operationId: "getOpenapi",
  method: "GET",
  path: "/openapi.json",
  summary: "Shows this document",
  parameters: [],
  answers: { 200: { description: "OpenAPI 3.1", content: json(Type.Record(Type.String(), Type.Unknown())) } },
  problems: [],
  isOpen: true,
};

/** All that the API takes, in the order of the document. */
export const operations: readonly Operation[] = [
  ...(Object.keys(collections) as EntityName[]).flatMap((entity) => Object.values(operationsOf(entity))),
  bulk,
  accountingRecords,
  stream,
  relay,
  openapi,
];
