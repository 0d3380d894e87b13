import {
  AccountingRecord,
  Decimal,
  Device,
  Entitlement,
  type EntityName,
  entityNames,
  Identifier,
  ProductOffering,
  Subscriber,
  Timestamp,
} from "@aaa-cluster/contract";
import { ProblemSchema } from "@aaa-cluster/service-kit";
import Type, { type TProperties, type TSchema } from "typebox";

const strict = { additionalProperties: false };

const SubscriberInput = Type.Object(
  {
    status: Type.Optional(Subscriber.properties.status),
    password: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  },
  strict,
);
const DeviceInput = Type.Object({ ...Device.properties, status: Type.Optional(Device.properties.status) }, strict);
const ProductOfferingInput = Type.Object(ProductOffering.properties, strict);
const EntitlementInput = Type.Object(
  {
    ...Entitlement.properties,
    validFrom: Type.Optional(Entitlement.properties.validFrom),
    status: Type.Optional(Entitlement.properties.status),
  },
  strict,
);

/** What a caller sends for a whole entity. */
export const inputs = {
  Subscriber: SubscriberInput,
  Device: DeviceInput,
  ProductOffering: ProductOfferingInput,
  Entitlement: EntitlementInput,
};

/** What a caller sends to change single members: any of those of an input, or null to take one away. */
const patchOf = (input: { readonly properties: TProperties }): TSchema =>
  Type.Object(
    Object.fromEntries(
      Object.entries(input.properties).map(([name, member]) => [
        name,
        Type.Optional(Type.Union([member, Type.Null()])),
      ]),
    ),
    strict,
  );

/** What is shown of an entity: all but its credential. */
const viewOf = ({ credential: _, ...properties }: TProperties): TSchema =>
  Type.Object({ id: Identifier, version: Decimal, ...properties });

export const patches: Readonly<Record<EntityName, TSchema>> = {
  Subscriber: patchOf(SubscriberInput),
  Device: patchOf(DeviceInput),
  ProductOffering: patchOf(ProductOfferingInput),
  Entitlement: patchOf(EntitlementInput),
};

export const views: Readonly<Record<EntityName, TSchema>> = {
  Subscriber: viewOf(Subscriber.properties),
  Device: viewOf(Device.properties),
  ProductOffering: viewOf(ProductOffering.properties),
  Entitlement: viewOf(Entitlement.properties),
};

export const ChangeAnswer = Type.Object({ id: Identifier, version: Decimal, sequence: Decimal });
export type ChangeAnswer = Type.Static<typeof ChangeAnswer>;

/** What a line of a bulk request must be before its payload is looked at. */
export const BulkEnvelope = Type.Object(
  { entity: Type.Enum(entityNames), id: Identifier, payload: Type.Unknown() },
  strict,
);

/** A line of a bulk request; a null payload deletes. */
export const BulkLine = Type.Union(
  entityNames.map((entity) =>
    Type.Object(
      { entity: Type.Literal(entity), id: Identifier, payload: Type.Union([inputs[entity], Type.Null()]) },
      strict,
    ),
  ),
);

const count = Type.Integer({ minimum: 0 });

/** What was done with a request, or with one chunk of it; `sequence` is that of the last event. */
export const BulkAnswer = Type.Object({
  accepted: count,
  created: count,
  changed: count,
  deleted: count,
  sequence: Decimal,
});
export type BulkAnswer = Type.Static<typeof BulkAnswer>;

/** One line of the answer to a request that is committed in chunks. All lines up to and with `through` are applied. */
export const ChunkAnswer = Type.Object({ through: count, ...BulkAnswer.properties });
export type ChunkAnswer = Type.Static<typeof ChunkAnswer>;

export const Problem = ProblemSchema;

/**
 * The last line of such an answer. When it is not complete, `sendAgainFrom` is the line from which to send the rest, and
 * `problem` says why. Without this line the connection broke, and more may be applied than the answer says.
 */
export const ChunksEnd = Type.Object({
  complete: Type.Boolean(),
  through: count,
  accepted: count,
  sequence: Type.Union([Decimal, Type.Null()]),
  sendAgainFrom: Type.Optional(Type.Integer({ minimum: 1 })),
  problem: Type.Optional(Problem),
});
export type ChunksEnd = Type.Static<typeof ChunksEnd>;

export const StreamState = Type.Object({ epoch: Decimal, sequence: Decimal, published: Decimal, relay: Type.String() });

export const RelayState = Type.Object({ relaying: Type.Boolean(), instance: Type.String(), outbox: count });
export type RelayState = Type.Static<typeof RelayState>;

/** A record as OSS keeps it: what the box said, which node took it, and when it came here. */
export const StoredRecord = Type.Object({ ...AccountingRecord.properties, storedTime: Timestamp });
export type StoredRecord = Type.Static<typeof StoredRecord>;

/** `next` is the cursor of the next page, or null after the last one. */
export const AccountingRecordPage = Type.Object({
  records: Type.Array(StoredRecord),
  next: Type.Union([Type.String(), Type.Null()]),
});
export type AccountingRecordPage = Type.Static<typeof AccountingRecordPage>;

const named = (suffix: string, schemas: Readonly<Record<string, TSchema>>): [string, TSchema][] =>
  Object.entries(schemas).map(([name, schema]) => [`${name}${suffix}`, schema]);

/** The schemas that have a name in the document. */
export const components: Readonly<Record<string, TSchema>> = Object.fromEntries([
  ...named("", views),
  ...named("Input", inputs),
  ...named("Patch", patches),
  ...named("", { ChangeAnswer, BulkLine, BulkAnswer, ChunkAnswer, ChunksEnd, StreamState, RelayState, Problem }),
  ...named("", { AccountingRecord: StoredRecord, AccountingRecordPage }),
]);
