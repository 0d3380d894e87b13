import { Decimal } from "@aaa-cluster/contract";
import type { ApiOperation, Content, Header } from "@aaa-cluster/service-kit";
import Type, { type TSchema } from "typebox";
import { AcceptedRecord, AcceptedRecords, AccountingListRequest, AccountingRequest } from "../accounting/routes.ts";
import {
  AccessGrant,
  Admission,
  AuthenticateRequest,
  Challenge,
  ChallengeRequest,
  RefreshRequest,
} from "../authentication/schemas.ts";
import {
  AuthorizeAnswer,
  AuthorizeListAnswer,
  AuthorizeListRequest,
  AuthorizeRequest,
} from "../authorization/schemas.ts";
import { PartitionState } from "./schemas.ts";

/** One request that a node takes. */
export interface Operation extends ApiOperation {
  readonly method: "GET" | "POST";
  readonly parameters: readonly (keyof typeof parameters)[];
  readonly problems: readonly (keyof typeof problems)[];
}

/** Parameters by name. */
export const parameters = {
  "aaa-min-sequence": {
    in: "header",
    schema: Type.String({ pattern: "^[0-9]{1,19}$" }),
    description: "Answer from this sequence of the stream or later, or with 503",
  },
} as const;

/** What each status of a problem means. */
export const problems = {
  400: "What was sent does not have the expected form; `errors` says what to write",
  401: "The proof or the token is not accepted, for whatever reason: authenticate anew",
  409: "Another record was accepted under this name",
  413: "The request is too large",
  415: "The content type is not application/json",
  429: "This box asks too often: send the same again when Retry-After says",
  503: "This node cannot answer now: send the same again later, here or to another node",
} as const;

const json = (schema: TSchema): Content => ({ "application/json": schema });

const PARTITION: Header = { description: "The node that answers", schema: Type.String() };
/** Where the node was that answered. */
const placed = {
  "aaa-partition": PARTITION,
  "aaa-epoch": { description: "The epoch of its watermark", schema: Decimal },
  "aaa-sequence": { description: "The answer has every change up to here", schema: Decimal },
};

export const operations: readonly Operation[] = [
  {
    operationId: "challenge",
    method: "POST",
    path: "/v1/authenticate/challenge",
    summary: "Begins an authentication by SCRAM-SHA-256 (RFC 5802, RFC 7677)",
    description:
      "`clientFirst` is the client's first message, `n,,n=<subscriberId>,r=<nonce>`, with the name prepared by SASLprep; " +
      "`serverFirst` is the server's. Whoever is unknown is challenged like everybody else.",
    parameters: ["aaa-min-sequence"],
    content: json(ChallengeRequest),
    answers: { 200: { description: "The challenge, good for a minute", content: json(Challenge), headers: placed } },
    problems: [400, 413, 415, 429, 503],
  },
  {
    operationId: "authenticate",
    method: "POST",
    path: "/v1/authenticate",
    summary: "Ends it, at any node: proves the password, and gets tokens",
    description:
      "`clientFirst` as before, and `clientFinal`: `c=biws,r=<nonce>,p=<proof>`. `serverFinal` proves that the cluster " +
      "knows the verifier. A device that OSS knows with a MAC address has to name it. A proof counts once at a node.",
    parameters: ["aaa-min-sequence"],
    content: json(AuthenticateRequest),
    answers: { 200: { description: "Admitted", content: json(Admission), headers: placed } },
    problems: [400, 401, 413, 415, 429, 503],
  },
  {
    operationId: "refresh",
    method: "POST",
    path: "/v1/authenticate/refresh",
    summary: "Gets another access token for a refresh token",
    description:
      "Refused once the subscriber or the device is suspended or gone, or has another password or MAC address. The refresh " +
      "token stays as it is: when it has expired, authenticate anew.",
    parameters: ["aaa-min-sequence"],
    content: json(RefreshRequest),
    answers: { 200: { description: "Still admitted", content: json(AccessGrant), headers: placed } },
    problems: [400, 401, 413, 415, 429, 503],
  },
  {
    operationId: "authorize",
    method: "POST",
    path: "/v1/authorize",
    summary: "Says whether a box may use a service now",
    parameters: ["aaa-min-sequence"],
    content: json(AuthorizeRequest),
    answers: { 200: { description: "The decision", content: json(AuthorizeAnswer), headers: placed } },
    problems: [400, 401, 413, 415, 429, 503],
  },
  {
    operationId: "authorizeList",
    method: "POST",
    path: "/v1/authorize/list",
    summary: "Says of each of many services whether a box may use it now",
    description:
      "The decisions are in the order of the request, all of one moment. An entitlement that decided is told once.",
    parameters: ["aaa-min-sequence"],
    content: json(AuthorizeListRequest),
    answers: { 200: { description: "The decisions", content: json(AuthorizeListAnswer), headers: placed } },
    problems: [400, 401, 413, 415, 429, 503],
  },
  {
    operationId: "account",
    method: "POST",
    path: "/v1/accounting",
    summary: "Takes an accounting record of a session",
    description: "A 200 means: committed here, and OSS will get it once. Without an answer send it again, unchanged.",
    parameters: [],
    content: json(AccountingRequest),
    answers: {
      200: { description: "Committed", content: json(AcceptedRecord), headers: { "aaa-partition": PARTITION } },
    },
    problems: [400, 401, 409, 413, 415, 429, 503],
  },
  {
    operationId: "accountList",
    method: "POST",
    path: "/v1/accounting/list",
    summary: "Takes many accounting records of a box, as after a time without a network",
    description:
      "A 200 means: all are committed here, and OSS will get each once. Without an answer send them again, unchanged. A 400 " +
      "with errors, or a 401, takes none of them; a 409 says which are not those that were accepted before, and the others are committed.",
    parameters: [],
    content: json(AccountingListRequest),
    answers: {
      200: { description: "All committed", content: json(AcceptedRecords), headers: { "aaa-partition": PARTITION } },
    },
    problems: [400, 401, 409, 413, 415, 429, 503],
  },
  {
    operationId: "getPartition",
    method: "GET",
    path: "/v1/partition",
    summary: "Shows where this node is in the stream",
    parameters: [],
    answers: { 200: { description: "Where it is", content: json(PartitionState) } },
    problems: [503],
  },
  {
    operationId: "getOpenapi",
    method: "GET",
    path: "/openapi.json",
    summary: "Shows this document",
    parameters: [],
    answers: { 200: { description: "OpenAPI 3.1", content: json(Type.Record(Type.String(), Type.Unknown())) } },
    problems: [],
  },
];
