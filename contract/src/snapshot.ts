import Type from "typebox";
import { Compile } from "typebox/compile";
import { Decimal, Digest } from "./decimal.ts";
import { ContractError, describeErrors, parseJson } from "./errors.ts";

export const SnapshotRequest = Type.Object(
  {
    requestId: Type.String({ minLength: 1 }),
    partition: Type.String({ minLength: 1 }),
    replyTo: Type.String({ minLength: 1 }),
  },
  { description: "A node asks OSS for everything. replyTo: the queue for the answer." },
);
export type SnapshotRequest = Type.Static<typeof SnapshotRequest>;

/** The content type that tells a chunk from the end. */
export const SNAPSHOT_ROWS_TYPE = "text/tab-separated-values";

export const SnapshotChunkHeaders = Type.Object(
  {
    requestId: Type.String(),
    index: Type.Integer({ minimum: 0 }),
  },
  { description: "Which part of which snapshot a chunk is. index: from 0; chunks arrive in order." },
);
export type SnapshotChunkHeaders = Type.Static<typeof SnapshotChunkHeaders>;

export const SnapshotRows = Type.String({
  description: `A part of the rows of a snapshot. All parts put together are lines of UTF-8, one for each entity and each with \
its newline; a part may end anywhere, also in the middle of a character. A line is entity, entityId, entityVersion and payload \
as in an event, with a tab between, and every backslash of the payload's JSON written twice: the text format of PostgreSQL's \
COPY. An entity that a reader does not know is taken like the others.`,
});

export const SnapshotEnd = Type.Object(
  {
    kind: Type.Literal("end"),
    requestId: Type.String(),
    epoch: Decimal,
    sequence: Decimal,
    chunks: Type.Integer({ minimum: 0 }),
    entities: Type.Integer({ minimum: 0 }),
    digest: Digest,
  },
  {
    description:
      "The end of a snapshot. epoch, sequence: the place in the stream at which it is exact. chunks, entities: how many there must have been. digest: of all of it.",
  },
);
export type SnapshotEnd = Type.Static<typeof SnapshotEnd>;

export type SnapshotPart = SnapshotEnd | (SnapshotChunkHeaders & { readonly kind: "chunk"; readonly rows: Buffer });

/** What is read of a message of the broker. */
export interface PartMessage {
  readonly properties: { readonly contentType?: unknown; readonly headers?: unknown };
  readonly content: Buffer;
}

const request = Compile(SnapshotRequest);
const headers = Compile(SnapshotChunkHeaders);
const end = Compile(SnapshotEnd);

/** Throws ContractError when the message is not a snapshot request. */
export function decodeSnapshotRequest(body: Buffer): SnapshotRequest {
  const value = parseJson(body);
  if (request.Check(value)) return value;
  throw new ContractError(describeErrors(request.Errors(value)).join("; "));
}

/** Does not look into the rows of a chunk. Throws ContractError when the message is not a part of a snapshot. */
export function decodeSnapshotPart({ properties, content }: PartMessage): SnapshotPart {
  if (properties.contentType === SNAPSHOT_ROWS_TYPE) {
    if (headers.Check(properties.headers)) return { kind: "chunk", ...properties.headers, rows: content };
  } else {
    const value = parseJson(content);
    if (end.Check(value)) return value;
  }
  throw new ContractError("not a part of a snapshot that this version understands");
}
