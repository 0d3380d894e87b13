import Type from "typebox";
import { Compile } from "typebox/compile";
import { Decimal, Digest, Identifier, Timestamp } from "./decimal.ts";
import { type EntityName, type EntityPayload, EntityWord, entityPayloads, isKnownEntity } from "./entities.ts";
import { ContractError, describeErrors, parseJson } from "./errors.ts";

export const EventEnvelope = Type.Object(
  {
    eventId: Type.String({ minLength: 1 }),
    epoch: Decimal,
    sequence: Decimal,
    eventTime: Timestamp,
    eventType: Type.String({ minLength: 1 }),
    entity: EntityWord,
    entityId: Identifier,
    entityVersion: Decimal,
    payload: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
  },
  {
    description: `One change of one entity. payload: the entity's full new state, or null when it was deleted; that is all \
one needs to apply it. eventType: what kind of change led there, by TM Forum's names. epoch, sequence: its place in the \
stream; the numbers have no gap and go on across epochs. entityVersion: counts the changes of the entity; an older one never \
overwrites a newer one. eventTime: when OSS took the change.`,
  },
);

/** An event as it is received: of an entity that this version knows, with a payload that was checked, or of another one. */
export type ReceivedEvent = Type.Static<typeof EventEnvelope>;

/** An event of an entity that this version knows, as OSS writes it. */
export type ProvisioningEvent = Omit<ReceivedEvent, "entity" | "payload"> & {
  readonly entity: EntityName;
  readonly payload: EntityPayload | null;
};

export const STREAM_POSITION = "StreamPosition";

export const StreamPosition = Type.Object(
  {
    eventType: Type.Literal(STREAM_POSITION),
    epoch: Decimal,
    originEpoch: Decimal,
    sequence: Decimal,
    head: Decimal,
    digest: Type.Optional(Digest),
  },
  {
    description: `Where the stream is. The relay publishes one when it starts an epoch and then at intervals. originEpoch: \
the first epoch of this history; a node whose epoch is at least this has followed the same history, in which a sequence \
number always stands for the same change. sequence: every event up to here was published before this message. head: the last \
sequence that OSS had given. digest: of everything that OSS has at sequence, when it is known; who has every change up to there \
and another digest has another content.`,
  },
);
export type StreamPosition = Type.Static<typeof StreamPosition>;

export type Broadcast = ReceivedEvent | StreamPosition;

const envelope = Compile(EventEnvelope);
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

/**
 * Reads a message of the broadcast exchange. What a newer OSS may add is taken (decision 3): members, types of event, and
 * entities, whose payload is not looked into. Throws ContractError when it is not a message of this contract.
 */
export function decodeBroadcast(body: Buffer): Broadcast {
  const value = parseJson(body);
  if (position.Check(value)) return value;
  if (!envelope.Check(value)) throw new ContractError(describeErrors(envelope.Errors(value)).join("; "));
  if (value.payload === null || !isKnownEntity(value.entity)) return value;
  const payload = payloads[value.entity];
  if (payload.Check(value.payload)) return value;
  const errors = describeErrors(payload.Errors(value.payload)).map((error) => `/payload${error}`);
  throw new ContractError(errors.join("; "));
}

/**
 * The place in the stream of a message that could not be decoded, when at least that can be read. A position, whatever is
 * wrong with it, takes no place.
 */
export function readPlace(body: Buffer): { readonly epoch: bigint; readonly sequence: bigint } | null {
  try {
    const value = parseJson(body);
    return place.Check(value) && value.eventType !== STREAM_POSITION
      ? { epoch: BigInt(value.epoch), sequence: BigInt(value.sequence) }
      : null;
  } catch {
    return null;
  }
}

export function encode(message: object): Buffer {
  return Buffer.from(JSON.stringify(message));
}

export const eventKinds = ["Create", "AttributeValueChange", "StateChange", "Delete"] as const;
export type EventKind = (typeof eventKinds)[number];

/** The TM Forum name of an event, for example `SubscriberStateChangeEvent`. */
export function eventTypeOf(entity: EntityName, kind: EventKind): string {
  return `${entity}${kind}Event`;
}

const place = Compile(Type.Object({ eventType: Type.Optional(Type.Unknown()), epoch: Decimal, sequence: Decimal }));
