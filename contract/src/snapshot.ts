import Type from "typebox";
import { Compile } from "typebox/compile";
import { Decimal, Identifier } from "./decimal.ts";
import { EntityWord } from "./entities.ts";
import { ContractError, describeErrors, parseJson } from "./errors.ts";

/** A node asks OSS for everything; the answer goes to the queue `replyTo`. */
export const SnapshotRequest = Type.Object({
  requestId: Type.String({ minLength: 1 }),
  partition: Type.String({ minLength: 1 }),
  replyTo: Type.String({ minLength: 1 }),
});
export type SnapshotRequest = Type.Static<typeof SnapshotRequest>;

/** One entity as of the snapshot; one that this version does not know is taken like the others. */
export const SnapshotEntity = Type.Object({
  entity: EntityWord,
  entityId: Identifier,
  entityVersion: Decimal,
  payload: Type.Record(Type.String(), Type.Unknown()),
});
export type SnapshotEntity = Type.Static<typeof SnapshotEntity>;

/** A part of a snapshot. Chunks are numbered from 0 and arrive in order. */
export const SnapshotChunk = Type.Object({
  kind: Type.Literal("chunk"),
  requestId: Type.String(),
  index: Type.Integer({ minimum: 0 }),
  entities: Type.Array(SnapshotEntity),
});
export type SnapshotChunk = Type.Static<typeof SnapshotChunk>;

/** The end of a snapshot: the place in the stream at which it is exact, and how much there must have been. */
export const SnapshotEnd = Type.Object({
  kind: Type.Literal("end"),
  requestId: Type.String(),
  epoch: Decimal,
  sequence: Decimal,
  chunks: Type.Integer({ minimum: 0 }),
  entities: Type.Integer({ minimum: 0 }),
});
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
