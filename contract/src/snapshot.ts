import Type from "typebox";
import { Compile } from "typebox/compile";
import { Decimal, Digest, Identifier } from "./decimal.ts";
import { EntityWord } from "./entities.ts";
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

/** One entity as of the snapshot; one that this version does not know is taken like the others. */
export const SnapshotEntity = Type.Object({
  entity: EntityWord,
  entityId: Identifier,
  entityVersion: Decimal,
  payload: Type.Record(Type.String(), Type.Unknown()),
});
export type SnapshotEntity = Type.Static<typeof SnapshotEntity>;

export const SnapshotChunk = Type.Object(
  {
    kind: Type.Literal("chunk"),
    requestId: Type.String(),
    index: Type.Integer({ minimum: 0 }),
    entities: Type.Array(SnapshotEntity),
  },
  { description: "A part of a snapshot. index: from 0; chunks arrive in order." },
);
export type SnapshotChunk = Type.Static<typeof SnapshotChunk>;

export const SnapshotEnd = Type.Object(
  {
    kind: Type.Literal("end"),
    requestId: Type.String(),
    epoch: Decimal,
    sequence: Decimal,
    chunks: Type.Integer({ minimum: 0 }),
    entities: Type.Integer({ minimum: 0 }),
    digest: Type.Optional(Digest),
  },
  {
    description:
      "The end of a snapshot. epoch, sequence: the place in the stream at which it is exact. chunks, entities: how many there must have been. digest: of all of it.",
  },
);
export type SnapshotEnd = Type.Static<typeof SnapshotEnd>;

const request = Compile(SnapshotRequest);
const part = Compile(Type.Union([SnapshotChunk, SnapshotEnd]));

/** Throws ContractError when the message is not a snapshot request. */
export function decodeSnapshotRequest(body: Buffer): SnapshotRequest {
  const value = parseJson(body);
  if (request.Check(value)) return value;
  throw new ContractError(describeErrors(request.Errors(value)).join("; "));
}

/** Throws ContractError when the message is not a part of a snapshot. */
export function decodeSnapshotPart(body: Buffer): SnapshotChunk | SnapshotEnd {
  const value = parseJson(body);
  if (part.Check(value)) return value;
  throw new ContractError("not a part of a snapshot that this version understands");
}
