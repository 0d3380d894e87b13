import Type from "typebox";
import { Compile } from "typebox/compile";
import { Decimal, Digest, Identifier, Timestamp } from "./decimal.ts";
import { type EntityName, type EntityPayload, entityNames, entityPayloads } from "./entities.ts";
import { ContractError, describeErrors, parseJson } from "./errors.ts";

const Envelope = Type.Object({
  eventId: Type.String({ minLength: 1 }),
  epoch: Decimal,
  sequence: Decimal,
  eventTime: Timestamp,
  eventType: Type.String({ minLength: 1 }),
  entity: Type.Enum(entityNames),
  entityId: Identifier,
  entityVersion: Decimal,
  payload: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
});

/** One change of one entity, with the entity's full new state; a null payload says it was deleted. */
export type ProvisioningEvent = Omit<Type.Static<typeof Envelope>, "payload"> & {
  readonly payload: EntityPayload | null;
};

export const STREAM_POSITION = "StreamPosition";

/**
 * Where the stream is. The relay publishes one when it starts an epoch and then at intervals.
 * - `originEpoch`: the first epoch of this history. A node whose epoch is at least this has followed the same history,
 *   in which a sequence number always stands for the same change.
 * - `sequence`: every event up to here was published before this message.
 * - `head`: the last sequence that OSS had assigned.
 * - `digest`: of everything that OSS has at `sequence`, when it is known: who has every change up to there and another
 *   digest has another content.
 */
export const StreamPosition = Type.Object({
  eventType: Type.Literal(STREAM_POSITION),
  epoch: Decimal,
  originEpoch: Decimal,
  sequence: Decimal,
  head: Decimal,
  digest: Type.Optional(Digest),
});
export type StreamPosition = Type.Static<typeof StreamPosition>;

export type Broadcast = ProvisioningEvent | StreamPosition;

const envelope = Compile(Envelope);
const position = Compile(StreamPosition);
const payloads = {
  Subscriber: Compile(entityPayloads.Subscriber),
  Device: Compile(entityPayloads.Device),
  ProductOffering: Compile(entityPayloads.ProductOffering),
  Entitlement: Compile(entityPayloads.Entitlement),
} satisfies Record<EntityName, unknown>;

export function isStreamPosition(broadcast: Broadcast): broadcast is StreamPosition {
  return broadcast.eventType === STREAM_POSITION;
}

/** Reads a message of the broadcast exchange. Throws ContractError when it is not one this version understands. */
export function decodeBroadcast(body: Buffer): Broadcast {
  const value = parseJson(body);
  if (position.Check(value)) return value;
  if (!envelope.Check(value)) throw new ContractError(describeErrors(envelope.Errors(value)).join("; "));
  const known = knownEventTypes.get(value.eventType);
  if (known !== value.entity)
    throw new ContractError(`/eventType: ${value.eventType} is not known for ${value.entity}`);
  const payload = payloads[value.entity];
  if (value.payload !== null && !payload.Check(value.payload)) {
    const errors = describeErrors(payload.Errors(value.payload)).map((error) => `/payload${error}`);
    throw new ContractError(errors.join("; "));
  }
  return value as ProvisioningEvent;
}

/** The place in the stream of a message that could not be decoded, when at least that can be read. */
export function readPlace(body: Buffer): { readonly epoch: bigint; readonly sequence: bigint } | null {
  try {
    const value = parseJson(body);
    return place.Check(value) ? { epoch: BigInt(value.epoch), sequence: BigInt(value.sequence) } : null;
  } catch {
    return null;
  }
}

export function encode(message: object): Buffer {
  return Buffer.from(JSON.stringify(message));
}

export type EventKind = "Create" | "AttributeValueChange" | "StateChange" | "Delete";

/** The TM Forum name of an event, for example `SubscriberStateChangeEvent`. */
export function eventTypeOf(entity: EntityName, kind: EventKind): string {
  return `${entity}${kind}Event`;
}

const place = Compile(Type.Object({ epoch: Decimal, sequence: Decimal }));

const kinds: readonly EventKind[] = ["Create", "AttributeValueChange", "StateChange", "Delete"];
const knownEventTypes = new Map<string, EntityName>(
  entityNames.flatMap((entity) => kinds.map((kind) => [eventTypeOf(entity, kind), entity] as const)),
);
