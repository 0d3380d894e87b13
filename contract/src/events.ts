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
 * What a message of the broadcast exchange holds, not looked into yet: one broadcast, or an array of events of which each
 * follows the one before. Throws ContractError when it is not JSON, or has nothing.
 */
export function readMessage(body: Buffer): readonly unknown[] {
  const value = parseJson(body);
  if (!Array.isArray(value)) return [value];
  if (value.length === 0) throw new ContractError("the message has no event");
  return value;
}

/**
 * Reads what a message holds. What a newer OSS may add is taken (decision 3): members, types of event, and entities, whose
 * payload is not looked into. Throws ContractError when it is not of this contract.
 */
export function readBroadcast(value: unknown): Broadcast {
  if (position.Check(value)) return value;
  if (!envelope.Check(value)) throw new ContractError(describeErrors(envelope.Errors(value)).join("; "));
  if (value.payload === null || !isKnownEntity(value.entity)) return value;
  const payload = payloads[value.entity];
  if (payload.Check(value.payload)) return value;
  const errors = describeErrors(payload.Errors(value.payload)).map((error) => `/payload${error}`);
  throw new ContractError(errors.join("; "));
}

/** The place in the stream of what is no broadcast, when at least that can be read. A position, whatever is wrong with it, takes no place. */
export function readPlace(value: unknown): { readonly epoch: bigint; readonly sequence: bigint } | null {
  if (!place.Check(value) || value.eventType === STREAM_POSITION) return null;
  return { epoch: BigInt(value.epoch), sequence: BigInt(value.sequence) };
}

/** An event without its place in the stream, as JSON, and its sequence. */
export interface WrittenEvent {
  readonly sequence: bigint;
  readonly body: string;
}

/** A message with events of which each follows the one before. They are not read for that, nor written anew. */
export function encodeEvents(epoch: bigint, events: readonly WrittenEvent[]): Buffer {
  const placed = events.map(({ sequence, body }) => `{"epoch":"${epoch}","sequence":"${sequence}",${body.slice(1)}`);
  return Buffer.from(`[${placed.join(",")}]`);
}

export function encode(message: unknown): Buffer {
  return Buffer.from(JSON.stringify(message));
}

export const eventKinds = ["Create", "AttributeValueChange", "StateChange", "Delete"] as const;
export type EventKind = (typeof eventKinds)[number];

/** The TM Forum name of an event, for example `SubscriberStateChangeEvent`. */
export function eventTypeOf(entity: EntityName, kind: EventKind): string {
  return `${entity}${kind}Event`;
}

const place = Compile(Type.Object({ eventType: Type.Optional(Type.Unknown()), epoch: Decimal, sequence: Decimal }));
